// Topics, queues, bridges and groups on the command line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../support/programs.mjs';
import { json, lines, run, unused, weir } from './weir.mjs';

test('a topic is created, listed, changed, described and removed', async () => {
  const topic = unused('topic');
  const created = await weir(['topic', 'create', topic, '--partitions', '2', '--retention', '7d']);
  assert.deepEqual(created, { status: 0, out: '', err: `created topic ${topic}\n` });
  assert.match(await run(['topic', 'ls']), new RegExp(`^${topic} +2 +0 +0 +7d +admin$`, 'm'));
  await run(['topic', 'set', topic, '--retention', 'forever', '--partitions', '3']);
  const [described] = await json(['topic', 'describe', topic]);
  assert.equal(described.partition_count, 3);
  assert.equal(described.retention_ms, -1);
  await run(['topic', 'rm', topic]);
  const gone = await weir(['topic', 'describe', topic]);
  assert.deepEqual(gone, { status: 1, out: '', err: `weir: there is no topic or queue ${topic}\n` });
});

test('a listing is one JSON value a line, over all its pages', async () => {
  const space = unused('space');
  const names = Array.from({ length: 130 }, (_, i) => `t${String(i).padStart(3, '0')}`);
  for (let i = 0; i < names.length; i += 10)
    await Promise.all(names.slice(i, i + 10).map((name) => fetch(`${process.env.WEIR_URL}/api/v1/topics?namespace=${space}`, { method: 'POST', body: JSON.stringify({ name }) })));
  const listed = await json(['topic', 'ls', '--namespace', space]);
  assert.deepEqual(listed.map(({ name }) => name), names);
});

test('a queue has a policy that can be set and unset', async () => {
  const queue = unused('queue');
  const dead = unused('dead');
  await run(['queue', 'create', dead]);
  await run(['queue', 'create', queue, '--lease', '1m']);
  await run(['queue', 'set', queue, '--history', '1h', '--lease', '30s', '--max-receives', '5', '--dead-letter', dead]);
  const [set] = await json(['queue', 'describe', queue]);
  assert.equal(set.history_ms, 3_600_000);
  assert.equal(set.lease_ms, 30_000);
  assert.equal(set.receives_max, 5);
  assert.equal(set.dead_letter, dead);
  assert.match(await run(['queue', 'describe', queue]), /^history +1h$/m);
  const [unset] = await json(['queue', 'set', queue, '--dead-letter', 'none']);
  assert.equal(unset.dead_letter, '');
  assert.equal(unset.receives_max, 0);
});

test('a queue with priorities counts them, and a bridge gives messages theirs', async () => {
  const [topic, queue, bridge] = ['alarms', 'alerts', 'bridge'].map(unused);
  await run(['topic', 'create', topic]);
  await run(['queue', 'create', queue, '--priorities', '10']);
  await run(['bridge', 'create', bridge, '--from', `topic:${topic}`, '--to', `queue:${queue}`, '--priority', '$.level']);
  await run(['produce', queue, 'plain']);
  await run(['produce', queue, 'high', '--priority', '9']);
  await run(['produce', topic], { input: '{"level":4}\n{"level":4}\n' });
  await waitFor(async () => (await json(['queue', 'describe', queue]))[0].ready === 4, 10_000, 'all have come');
  assert.match(await run(['queue', 'describe', queue]), /^priorities +10: 1 ready of 9, 2 ready of 4, 1 ready of 0$/m);
  const refused = await weir(['queue', 'set', queue, '--priorities', '2']);
  assert.deepEqual([refused.status, refused.err], [1, 'weir: the order and the priorities of a queue can change only while it is empty\n']);
  await run(['bridge', 'rm', bridge]);
});

test('a queue is counted, purged and removed', async () => {
  const queue = unused('queue');
  await run(['queue', 'create', queue]);
  await run(['produce', queue], { input: 'a\nb\nc\n' });
  await run(['produce', queue, 'later', '--delay', '10m']);
  const count = async () => {
    const [{ ready, leased, delayed }] = await json(['queue', 'describe', queue]);
    return { ready, leased, delayed };
  };
  assert.deepEqual(await count(), { ready: 3, leased: 0, delayed: 1 });
  assert.match(await run(['queue', 'ls']), new RegExp(`^${queue} +3 +0 +1 `, 'm'));
  await run(['queue', 'purge', queue]);
  assert.deepEqual(await count(), { ready: 0, leased: 0, delayed: 0 });
  await run(['queue', 'rm', queue]);
  assert.equal((await weir(['queue', 'describe', queue])).status, 1);
});

test('a bridge moves what matches, stops when paused and goes on where it was', async () => {
  const [topic, queue, bridge] = ['events', 'work', 'bridge'].map(unused);
  await run(['topic', 'create', topic]);
  await run(['queue', 'create', queue]);
  await run(['bridge', 'create', bridge, '--from', `topic:${topic}`, '--to', `queue:${queue}`, '--filter', 'header:type=paid']);
  const status = async () => (await json(['bridge', 'ls'])).find(({ name }) => name === bridge);
  const arrived = async () => lines(await run(['tail', queue, '--from', 'start']));
  await run(['produce', topic, 'one', '--header', 'type=paid']);
  await run(['produce', topic, 'two', '--header', 'type=open']);
  await waitFor(async () => (await status()).lag === 0, 10_000, 'the bridge has caught up');
  assert.deepEqual(await arrived(), ['one']);
  assert.equal((await json(['bridge', 'pause', bridge]))[0].state, 'paused');
  await run(['produce', topic, 'three', '--header', 'type=paid']);
  assert.equal((await status()).lag, 1);
  await run(['bridge', 'resume', bridge]);
  await waitFor(async () => (await status()).lag === 0, 10_000, 'the bridge has caught up');
  assert.deepEqual(await arrived(), ['one', 'three']);
  await run(['bridge', 'rm', bridge]);
  assert.equal(await status(), undefined);
});

test('a bridge from a queue must say on what', async () => {
  const [topic, queue, bridge] = ['audit', 'work', 'bridge'].map(unused);
  await run(['topic', 'create', topic]);
  await run(['queue', 'create', queue]);
  const create = ['bridge', 'create', bridge, '--from', `queue:${queue}`, '--to', `topic:${topic}`];
  const refused = await weir(create);
  assert.equal(refused.status, 1);
  assert.match(refused.err, /say on what: --on ack, dead-letter, expiry or message/);
  await run([...create, '--on', 'ack']);
  await run(['bridge', 'rm', bridge]);
});

test('a consumer group shows its offsets and its lag', { skip: !process.env.KAFKA_BROKERS }, async () => {
  const { Kafka, logLevel } = await import('../support/sdk.mjs');
  const [topic, groupId] = ['topic', 'group'].map(unused);
  await run(['topic', 'create', topic]);
  await run(['produce', topic], { input: 'a\nb\nc\n' });
  const admin = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] });
  await admin.disconnect();
  const [group] = await json(['group', 'describe', groupId]);
  assert.deepEqual(group.offsets, [{ topic, partition: 0, offset: 1, end: 3, lag: 2 }]);
  assert.equal((await json(['group', 'ls'])).find(({ name }) => name === groupId).lag, 2);
});

test('a stream group shows what is pending', { skip: !process.env.REDIS_URL }, async () => {
  const { Redis } = await import('../support/sdk.mjs');
  const stream = unused('stream');
  const redis = new Redis(process.env.REDIS_URL);
  try {
    await redis.xadd(stream, '*', 'a', '1');
    await redis.xadd(stream, '*', 'a', '2');
    await redis.xgroup('CREATE', stream, 'workers', '0');
    await redis.xreadgroup('GROUP', 'workers', 'w1', 'COUNT', '1', 'STREAMS', stream, '>');
  } finally {
    redis.disconnect();
  }
  const [group] = await json(['group', 'describe', 'workers', '--topic', stream]);
  assert.equal(group.pending, 1);
  assert.equal(group.lag, 1);
  assert.deepEqual(group.consumers.map(({ name, pending }) => ({ name, pending })), [{ name: 'w1', pending: 1 }]);
});

test('a queue is looked into and counted without taking anything', async () => {
  const queue = unused('queue');
  await run(['queue', 'create', queue]);
  await run(['produce', queue, '{"country":"at"}', '--header', 'type=paid']);
  await run(['produce', queue, '{"country":"de"}', '--header', 'type=open']);
  await run(['produce', queue, '{"country":"de"}', '--header', 'type=paid']);
  await run(['produce', queue, 'later', '--delay', '10m']);
  const shown = lines(await run(['queue', 'peek', queue]));
  assert.equal(shown.length, 5);
  assert.match(shown[0], /^OFFSET +STATE +RECEIVES +KEY +BODY$/);
  assert.match(shown[4], /^3 +delayed +0 +- +later$/);
  assert.equal(await run(['queue', 'peek', queue, '--filter', 'header:type=paid and json:country!=at', '--format', '%o %v\\n']), '2 {"country":"de"}\n');
  assert.deepEqual((await json(['queue', 'peek', queue, '--state', 'ready', '--count', '2'])).map(({ offset }) => offset), [0, 1]);
  assert.deepEqual(lines(await run(['queue', 'count', queue, '--by', 'type'])).map((line) => line.split(/ +/)), [['VALUE', 'COUNT'], ['paid', '2'], ['open', '1'], ['(without)', '1']]);
  assert.deepEqual(await json(['queue', 'count', queue, '--by', 'json:country', '--state', 'ready']), [{ value: 'de', count: 2 }, { value: 'at', count: 1 }, { without: 0 }]);
  const [{ ready, delayed }] = await json(['queue', 'describe', queue]);
  assert.deepEqual({ ready, delayed }, { ready: 3, delayed: 1 });
  assert.equal((await weir(['queue', 'peek', queue, '--filter', 'type'])).status, 1);
});

test('a queue is redriven: chosen, edited, limited, tried out', async () => {
  const [from, to] = [unused('dead'), unused('queue')];
  await run(['queue', 'create', from]);
  await run(['queue', 'create', to]);
  await run(['produce', from], { input: 'a1\na2\nb1\na3\n' });
  const bodies = async (queue) => (await json(['queue', 'peek', queue])).map(({ record }) => record.value);
  const tried = await weir(['queue', 'redrive', from, to, '--filter', 'body=a*', '--edit', 'tr a-z A-Z', '--dry-run']);
  assert.deepEqual(tried, { status: 0, out: 'A1\nA2\nA3\n', err: 'would move 3 messages\n' });
  assert.equal((await bodies(from)).length, 4);
  assert.deepEqual(await weir(['queue', 'redrive', from, to, '--filter', 'body=a*', '--edit', 'tr a-z A-Z', '--limit', '2', '--rate', '100']), { status: 0, out: '', err: 'moved 2 messages\n' });
  assert.deepEqual(await bodies(to), ['A1', 'A2']);
  const failed = await weir(['queue', 'redrive', from, to, '--edit', 'false']);
  assert.equal(failed.status, 1);
  assert.match(failed.err, /message 2: false failed/);
  assert.deepEqual(await bodies(from), ['b1', 'a3']);
  assert.match((await weir(['queue', 'redrive', from])).err, /name a queue to move to/);
  assert.deepEqual(await json(['queue', 'redrive', from, to]), [{ moved: 2 }]);
  assert.deepEqual(await bodies(to), ['A1', 'A2', 'b1', 'a3']);
  assert.deepEqual(await bodies(from), []);
});
