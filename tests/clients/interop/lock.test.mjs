// retention.lock: every door to what a locked topic holds is tried, through every protocol.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { waitFor } from '../support/programs.mjs';
import { json, weir } from '../cli/weir.mjs';

// A broker of its own: elsewhere a test that flushes would be refused.
const home = temporaryFolder('lock');
let broker, redis, kafka, admin;

before(async () => {
  broker = await startBroker({ data: home.folder });
  redis = new Redis(broker.env.REDIS_URL);
  redis.on('error', () => {}); // while the broker is down
  kafka = new Kafka({ brokers: [broker.env.KAFKA_BROKERS], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  admin = kafka.admin();
  await admin.connect();
});

after(async () => {
  await admin?.disconnect();
  redis?.disconnect();
  await broker?.kill();
  home.remove();
});

const cli = (...args) => weir(args, { env: broker.env });
const described = async (name) => (await json(['topic', 'describe', name], { env: broker.env }))[0];

async function locked(name) {
  await redis.xadd(name, '1-1', 'a', '1');
  await redis.xadd(name, '2-1', 'a', '2');
  await redis.xgroup('CREATE', name, 'g', '0');
  await redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', name, '>');
  const set = await cli('topic', 'set', name, '--retention-lock', '1h');
  assert.equal(set.status, 0, set.err);
  return name;
}

test('no command of Redis takes anything from a locked stream', async () => {
  const name = await locked('audit');
  await redis.set('other', 'x');
  await redis.xadd('stream', '1-1', 'a', '1');
  await redis.rpush('numbers', '2', '1');
  const doors = [
    ['DEL', name], ['UNLINK', name], ['XDEL', name, '1-1'], ['XDELEX', name, 'DELREF', 'IDS', '1', '1-1'],
    ['XACKDEL', name, 'g', 'DELREF', 'IDS', '1', '1-1'], ['XTRIM', name, 'MAXLEN', '0'], ['XTRIM', name, 'MINID', '2'],
    ['XADD', name, 'MAXLEN', '1', '*', 'a', '3'], ['XADD', name, 'MINID', '~', '9', '*', 'a', '3'],
    ['EXPIRE', name, '1'], ['PEXPIREAT', name, '1'], ['RENAME', name, 'elsewhere'], ['RENAME', 'other', name],
    ['RENAMENX', name, 'elsewhere'], ['MOVE', name, '1'], ['SET', name, 'x'], ['COPY', 'stream', name, 'REPLACE'],
    ['SORT', 'numbers', 'STORE', name], ['SINTERSTORE', name, 'set'], ['XCFGSET', name, 'RETENTION-MS', '1'],
    ['FLUSHDB'], ['FLUSHALL'],
  ];
  for (const [command, ...args] of doors) {
    const reply = await redis.call(command, ...args).then((value) => ({ value }), ({ message }) => ({ message }));
    assert.match(reply.message ?? JSON.stringify(reply.value), /^ERR refused: .*retention\.lock/, `${command} ${args.join(' ')}`);
  }
  assert.equal(await redis.xlen(name), 2);
  assert.equal(await redis.get('other'), 'x', 'what is refused is refused whole');
});

test('no request of Kafka takes anything from a locked topic', async () => {
  const topic = 'ledger';
  await admin.createTopics({
    topics: [{ topic, configEntries: [{ name: 'retention.lock', value: String(Date.now() + 3_600_000) }, { name: 'retention.ms', value: '1000' }] }],
  });
  const producer = kafka.producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ value: 'one' }, { value: 'two' }] });
  await producer.disconnect();
  const set = (name, value) => admin.alterConfigs({ resources: [{ type: 2, name: topic, configEntries: [{ name, value }] }] });
  const doors = {
    deleteTopics: () => admin.deleteTopics({ topics: [topic] }),
    deleteTopicRecords: () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] }),
    'retention.ms': () => set('retention.ms', '10'),
    'an earlier end': () => set('retention.lock', '1'),
    'no end, by leaving it out': () => set('retention.ms', '1000'),
    compaction: () => set('cleanup.policy', 'compact'),
  };
  for (const [name, door] of Object.entries(doors)) await assert.rejects(door(), `${name} was let through`);
  const { records, retention_ms: retention } = await described(topic);
  assert.deepEqual([records, retention], [2, 1000]);
});

test('neither the command line nor a bridge, nor a kill, opens a lock', async () => {
  const name = await locked('evidence');
  for (const args of [['rm', name], ['set', name, '--retention', '1s'], ['set', name, '--retention-lock', '1m']]) {
    const { status, err } = await cli('topic', ...args);
    assert.equal(status, 1);
    assert.match(err, /is locked until \d{4}-\d\d-\d\dT[\d:]{8}Z \(retention\.lock\)/);
  }
  await broker.kill();
  await broker.restart();
  assert.equal((await cli('topic', 'rm', name)).status, 1);
  assert.equal((await described(name)).records, 2);
});

test('when a lock ends, what was asked for is done again', async () => {
  const name = 'short';
  await redis.xadd(name, '1-1', 'a', '1');
  assert.equal((await cli('topic', 'set', name, '--retention-lock', '500ms')).status, 0);
  await waitFor(() => redis.del(name).catch(() => 0), 10_000, 'the lock has ended');
});
