// Sessions that end (KIP-368) and tokens that do, with the lifetimes of the command line: kafkajs logs in again on the connection that it
// has, and who does not log in again is disconnected.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import kafkajs from 'kafkajs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { waitFor } from '../support/programs.mjs';

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;  // CommonJS
const place = temporaryFolder('sessions');
const sessionMs = 3000;
const tokenMs = 45_000;
const tokenMaxMs = 90_000;
let broker;

before(async () => {
  const firstUser = join(place.folder, 'first-user');
  writeFileSync(firstUser, 'admin:first secret\n');
  const lifetimes = { 'session-lifetime': sessionMs, 'delegation-token-expiry': tokenMs, 'delegation-token-max-lifetime': tokenMaxMs };
  const flags = Object.entries(lifetimes).flatMap(([name, ms]) => [`--kafka-${name}-ms`, `${ms}`]);
  broker = await startBroker({ data: join(place.folder, 'data'), args: ['--kafka-sasl', 'required', '--first-user', firstUser, ...flags] });
});
after(async () => {
  await broker.stop();
  place.remove();
});

const kafkaBy = (mechanism) => new Kafka({
  clientId: 'sessions', brokers: [broker.addresses.kafka], logLevel: logLevel.NOTHING, retry: { retries: 0 },
  sasl: { mechanism, username: 'admin', password: 'first secret' }, reauthenticationThreshold: sessionMs / 2,
});

async function metric(name) {
  const text = await (await fetch(`${broker.env.WEIR_URL}/metrics`)).text();
  const line = new RegExp(`^${name} (\\S+)`, 'm').exec(text);
  assert.ok(line, `no metric ${name}`);
  return Number(line[1]);
}

for (const mechanism of ['plain', 'scram-sha-512']) {
  test(`Sessions.KafkajsRenewsThemWhileItWorks (${mechanism})`, async () => {
    const kafka = kafkaBy(mechanism);
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: mechanism, maxWaitTimeInMs: 100, heartbeatInterval: 500 });
    const topic = `renewed-${mechanism}`;
    const seen = [];
    const ended = [];
    try {
      await producer.connect();
      await consumer.connect();
      for (const client of [producer, consumer]) client.on(client.events.DISCONNECT, () => ended.push('disconnected'));
      consumer.on(consumer.events.CRASH, ({ payload }) => ended.push(payload.error.message));
      let sent = 0;
      const send = async () => producer.send({ topic, messages: [{ value: `${++sent}` }] });
      await send();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => { seen.push(`${message.value}`); } });
      await waitFor(() => seen.length === 1, 20_000, 'the first record');
      const before = await metric('weir_kafka_logins_total');
      // Two connections at least, each of them twice.
      await waitFor(async () => { await send(); return await metric('weir_kafka_logins_total') >= before + 4; }, 30_000, 'further logins');
      await waitFor(() => seen.length === sent, 20_000, () => `${sent} records, ${seen.length} so far`);
      assert.deepEqual(seen, Array.from({ length: sent }, (_, i) => `${i + 1}`));
      assert.deepEqual(ended, []);
    } finally {
      await consumer.disconnect();
      await producer.disconnect();
    }
  });
}

// A connection that speaks frames. `ask` gives what follows the correlation id; null when the connection has ended.
class Wire {
  constructor() {
    this.buffer = Buffer.alloc(0);
    this.ended = false;
    this.socket = connect(Number(broker.addresses.kafka.split(':').at(-1)), '127.0.0.1');
    this.socket.on('data', (bytes) => { this.buffer = Buffer.concat([this.buffer, bytes]); });
    this.socket.on('error', () => {});
    this.socket.on('close', () => { this.ended = true; });
  }

  async ask(key, version, body) {
    const head = Buffer.alloc(14);
    head.writeInt32BE(10 + body.length, 0);
    head.writeInt16BE(key, 4);
    head.writeInt16BE(version, 6);
    head.writeInt16BE(-1, 12);  // no client id
    this.socket.write(Buffer.concat([head, body]));
    const size = () => (this.buffer.length >= 4 ? this.buffer.readInt32BE(0) : Infinity);
    await waitFor(() => this.ended || this.buffer.length - 4 >= size(), 10_000, `an answer to request ${key}`);
    if (this.buffer.length - 4 < size()) return null;
    const answer = this.buffer.subarray(8, 4 + size());
    this.buffer = this.buffer.subarray(4 + size());
    return answer;
  }

  async logIn() {
    const sized = (text, width) => {
      const size = Buffer.alloc(width);
      size.writeIntBE(text.length, 0, width);
      return Buffer.concat([size, Buffer.from(text)]);
    };
    assert.equal((await this.ask(17, 1, sized('PLAIN', 2))).readInt16BE(0), 0);
    const answer = await this.ask(36, 1, sized('\0admin\0first secret', 4));
    assert.equal(answer.readInt16BE(0), 0);
    return Number(answer.readBigInt64BE(answer.length - 8));
  }
}

const allTopics = Buffer.from([255, 255, 255, 255]);

test('Sessions.WhoDoesNotLogInAgainIsDisconnected', async () => {
  const wire = new Wire();
  const begun = Date.now();
  assert.equal(await wire.logIn(), sessionMs);
  let answered = 0;
  await waitFor(async () => {
    if (!await wire.ask(3, 1, allTopics)) return true;
    answered += 1;
    return false;
  }, 30_000, 'the end of the session');
  assert.ok(answered > 0);
  assert.ok(Date.now() - begun >= sessionMs, `${Date.now() - begun} ms`);
});

test('Tokens.LiveAsLongAsTheCommandLineSays', async () => {
  const wire = new Wire();
  await wire.logIn();
  const request = Buffer.alloc(12);  // no renewers
  request.writeBigInt64BE(-1n, 4);  // as long as the broker allows
  const answer = await wire.ask(38, 1, request);
  assert.equal(answer.readInt16BE(0), 0);
  const type = 2;
  const name = type + 2 + answer.readInt16BE(type);
  const times = name + 2 + answer.readInt16BE(name);
  assert.equal(answer.subarray(name + 2, times).toString(), 'admin');
  const [issued, expiry, most] = [0, 8, 16].map((at) => Number(answer.readBigInt64BE(times + at)));
  assert.deepEqual([expiry - issued, most - issued], [tokenMs, tokenMaxMs]);
  wire.socket.destroy();
});

test('Sessions.LifetimesAreShownAsSettingsOfTheBroker', async () => {
  const admin = kafkaBy('plain').admin();
  await admin.connect();
  try {
    const configNames = ['connections.max.reauth.ms', 'delegation.token.expiry.time.ms', 'delegation.token.max.lifetime.ms'];
    const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.BROKER, name: '1', configNames }] });
    assert.deepEqual(resources[0].configEntries.map(({ configName, configValue }) => [configName, configValue]),
      [['connections.max.reauth.ms', `${sessionMs}`], ['delegation.token.expiry.time.ms', `${tokenMs}`], ['delegation.token.max.lifetime.ms', `${tokenMaxMs}`]]);
  } finally {
    await admin.disconnect();
  }
});
