// Several Kafka listeners of one broker: each tells its clients an address of its own and has its own rule for logins and TLS;
// and how many connections one address may have.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import kafkajs from 'kafkajs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { waitFor } from '../support/programs.mjs';
import { Authority } from '../tls/certificates.mjs';

const { Kafka, logLevel } = kafkajs;  // CommonJS
const place = temporaryFolder('listeners');
const connectionsMax = 8;
let broker;
let ca;

before(async () => {
  const authority = new Authority(place.folder);
  const { certificate, key } = authority.make('server');
  ca = readFileSync(authority.file);
  const firstUser = join(place.folder, 'first-user');
  writeFileSync(firstUser, 'admin:secret\n');
  const config = join(place.folder, 'weir.toml');
  writeFileSync(config, `connections_per_address_max = ${connectionsMax}
first_user = "${firstUser}"
[kafka]
advertised_host = "127.0.0.1"
[[kafka.listeners]]
name = "outside"
address = "127.0.0.1:0"
advertised = "localhost:1"
sasl = "required"
tls_certificate = "${certificate}"
tls_key = "${key}"
[[kafka.listeners]]
name = "mapped"
address = 0
advertised = "broker.example:19092"
sasl = "off"
`);
  broker = await startBroker({ data: join(place.folder, 'data'), args: ['--config', config] });
});
after(async () => {
  await broker.stop();
  place.remove();
});

const login = { mechanism: 'scram-sha-256', username: 'admin', password: 'secret' };
const portOf = (listener) => Number(broker.addresses[listener].split(':').at(-1));
// The network of this test: where the advertised names lead to. `met`: where clients wanted to go.
const names = { 'broker.example:19092': 'kafka-mapped', 'localhost:1': 'kafka-outside' };
const network = (met) => ({ host, port, ssl, onConnect }) => {
  met.push(`${host}:${port}`);
  const at = { host: '127.0.0.1', port: names[`${host}:${port}`] ? portOf(names[`${host}:${port}`]) : port };
  return ssl ? connectTls({ ...at, servername: 'localhost', ...ssl }, onConnect) : connect(at, onConnect);
};
const through = (listener, options = {}, met = []) => new Kafka({ clientId: 'listeners', brokers: [broker.addresses[listener]], socketFactory: network(met), logLevel: logLevel.NOTHING, connectionTimeout: 3000, retry: { retries: 1, initialRetryTime: 50 }, ...options });

// Where Metadata of that listener tells clients to connect to.
async function toldBy(kafka) {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const { brokers } = await admin.describeCluster();
    return brokers.map(({ host, port }) => `${host}:${port}`);
  } finally {
    await admin.disconnect();
  }
}

test('Listeners.EachTellsItsOwnAddress', async () => {
  assert.deepEqual(await toldBy(through('kafka')), [broker.addresses.kafka]);
  assert.deepEqual(await toldBy(through('kafka-mapped')), ['broker.example:19092']);
  assert.deepEqual(await toldBy(through('kafka-outside', { ssl: { ca }, sasl: login })), ['localhost:1']);
});

// What Metadata and FindCoordinator tell is where clients go.
test('Listeners.ClientsWorkThroughTheAddressThatTheyWereTold', async () => {
  const met = [];
  const kafka = through('kafka-mapped', {}, met);
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic: 'mapped', messages: [{ value: 'x' }] });
  await producer.disconnect();
  const consumer = kafka.consumer({ groupId: 'mapped' });  // FindCoordinator
  const seen = [];
  await consumer.connect();
  await consumer.subscribe({ topics: ['mapped'], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => { seen.push(String(message.value)); } });
  await waitFor(() => seen.length === 1, 20_000, () => 'the record');
  await consumer.disconnect();
  assert.ok(met.filter((name) => name === 'broker.example:19092').length >= 2, met.join(' '));
});

test('Listeners.EachHasItsOwnRuleForLoginsAndTls', async () => {
  await assert.rejects(toldBy(through('kafka-outside', { ssl: { ca } })));
  await assert.rejects(toldBy(through('kafka-outside', { sasl: login })));
  await assert.rejects(toldBy(through('kafka-mapped', { sasl: login })));
  assert.equal((await toldBy(through('kafka', { sasl: login }))).length, 1);
});

test('Listeners.OneAddressHasNoMoreConnectionsThanItMay', async () => {
  const port = portOf('kafka');
  const metric = async () => {
    const text = await (await fetch(`${broker.env.WEIR_URL}/metrics`)).text();
    return Number(/^weir_connections_rejected_by_address_total\{protocol="kafka"\} (\S+)/m.exec(text)[1]);
  };
  const before = await metric();
  const sockets = [];
  const open = () => new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    sockets.push(socket);
    socket.on('error', () => {});
    socket.once('close', () => { socket.ended = true; });
    socket.once('connect', () => done(socket));
  });
  for (let i = 0; i < connectionsMax; ++i) await open();
  const further = await open();
  await waitFor(() => further.ended, 10_000, () => 'the end of one connection too many');
  assert.equal(sockets.filter((socket) => socket.ended).length, 1);
  assert.equal(await metric(), before + 1);
  // The other listeners count for themselves, and a place that was given back can be taken.
  assert.equal((await toldBy(through('kafka-mapped'))).length, 1);
  for (const socket of sockets) socket.destroy();
  await waitFor(async () => (await toldBy(through('kafka')).catch(() => [])).length === 1, 10_000, () => 'a free place');
});
