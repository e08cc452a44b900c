// Quotas: what an unmodified client meets that goes over its own. kafkajs cannot set quotas, so that is done by bytes.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, test } from 'node:test';
import { brokers, kafka, makeTopic, unique } from './client.mjs';

const alterQuotas = 49;
const set = new Set();

const int16 = (value) => { const bytes = Buffer.alloc(2); bytes.writeInt16BE(value); return bytes; };
const int32 = (value) => { const bytes = Buffer.alloc(4); bytes.writeInt32BE(value); return bytes; };
const float64 = (value) => { const bytes = Buffer.alloc(8); bytes.writeDoubleBE(value); return bytes; };
const text = (value) => Buffer.concat([int16(value.length), Buffer.from(value)]);

// One request on a connection of its own; the answer behind its correlation id.
function ask(key, version, body) {
  const [host, port] = brokers[0].split(':');
  const message = Buffer.concat([int16(key), int16(version), int32(1), text('quotas'), body]);
  return new Promise((done, failed) => {
    const socket = connect(Number(port), host);
    let seen = Buffer.alloc(0);
    socket.setTimeout(10_000, () => socket.destroy(new Error('no answer')));
    socket.on('error', failed);
    socket.on('data', (more) => {
      seen = Buffer.concat([seen, more]);
      if (seen.length < 4 || seen.length < 4 + seen.readInt32BE(0)) return;
      socket.destroy();
      done(seen.subarray(8));
    });
    socket.write(Buffer.concat([int32(message.length), message]));
  });
}

// AlterClientQuotas, version 0: the client id's quota; null takes it away.
async function setQuota(clientId, key, value) {
  const answer = await ask(alterQuotas, 0, Buffer.concat([
    int32(1), int32(1), text('client-id'), text(clientId),
    int32(1), text(key), float64(value ?? 0), Buffer.from([value === null ? 1 : 0]), Buffer.from([0]),
  ]));
  assert.equal(answer.readInt16BE(8), 0);
  if (value === null) set.delete(`${clientId} ${key}`);
  else set.add(`${clientId} ${key}`);
}

after(async () => {
  for (const one of set) await setQuota(...one.split(' '), null);
});

const message = (size) => ({ value: 'x'.repeat(size) });

// How long two requests took, the second of which comes after the quota was used up.
async function timeOfSecondSend(clientId, topic, size) {
  const producer = kafka(clientId).producer();
  await producer.connect();
  try {
    await producer.send({ topic, messages: [message(size)] });
    const begun = Date.now();
    await producer.send({ topic, messages: [message(1)] });
    return Date.now() - begun;
  } finally {
    await producer.disconnect();
  }
}

test('Quotas.AProducerIsSlowedDownToItsRate', async () => {
  const topic = await makeTopic('slow');
  const clientId = unique('slow');
  await setQuota(clientId, 'producer_byte_rate', 50_000);
  // Ten seconds' worth pass at once; the 75,000 bytes above that are a second and a half.
  assert.ok(await timeOfSecondSend(clientId, topic, 575_000) >= 1300);
  assert.ok(await timeOfSecondSend(unique('other'), topic, 575_000) < 1300);
});

test('Quotas.AConsumerIsSlowedDownAndLosesNothing', async () => {
  const topic = await makeTopic('slow-reader');
  const clientId = unique('reader');
  const producer = kafka().producer();
  await producer.connect();
  for (let i = 0; i < 12; i++) await producer.send({ topic, messages: [{ key: String(i), ...message(50_000) }] });
  await producer.disconnect();
  await setQuota(clientId, 'consumer_byte_rate', 50_000);
  const consumer = kafka(clientId).consumer({ groupId: unique('slow'), maxWaitTimeInMs: 200, maxBytesPerPartition: 60_000 });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  const seen = [];
  const times = [];
  try {
    await new Promise((done, failed) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => failed(payload.error));
      consumer.run({ eachMessage: async ({ message: { key } }) => { times.push(Date.now()); if (seen.push(String(key)) === 12) done(); } }).catch(failed);
    });
  } finally {
    await consumer.disconnect();
  }
  // A batch at a time. Ten of them pass at once; the eleventh has to be paid for before the twelfth comes.
  assert.ok(times.at(-1) - times[0] >= 500, `${times.at(-1) - times[0]} ms`);
  assert.deepEqual(seen, Array.from({ length: 12 }, (_, i) => String(i)));
});
