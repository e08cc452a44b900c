// Streams and groups, with ioredis against the broker at REDIS_URL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Redis from 'ioredis';

const prefix = `streams-${process.pid}-`;
let redis;
let blocked;

before(() => {
  redis = new Redis({ ...addressOf(process.env.REDIS_URL), protocol: 2 });
  blocked = new Redis({ ...addressOf(process.env.REDIS_URL), protocol: 2 });
});
after(() => {
  redis.disconnect();
  blocked.disconnect();
});

function addressOf(url) {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

test('a second group of the same name is refused', async () => {
  const key = `${prefix}busy`;
  assert.equal(await redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM'), 'OK');
  await assert.rejects(redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM'), /^ReplyError: BUSYGROUP|BUSYGROUP/);
});

test('two consumers share the entries and acknowledge them', async () => {
  const key = `${prefix}work`;
  await redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM');
  const ids = [];
  for (let i = 0; i < 20; i++) ids.push(await redis.xadd(key, '*', 'n', i));
  const seen = new Set();
  for (let round = 0; seen.size < 20 && round < 40; round++) {
    const reply = await redis.xreadgroup('GROUP', 'g', `c${round % 2}`, 'COUNT', 3, 'STREAMS', key, '>');
    for (const [id] of entriesOf(reply, key)) {
      assert.ok(!seen.has(id), 'delivered once');
      seen.add(id);
      assert.equal(await redis.xack(key, 'g', id), 1);
    }
  }
  assert.deepEqual([...seen].sort(), ids.sort());
  assert.equal((await redis.xpending(key, 'g'))[0], 0);
});

test('a blocked consumer is woken, and what a crashed one left is taken over', async () => {
  const key = `${prefix}claim`;
  await redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM');
  const waiting = blocked.xreadgroup('GROUP', 'g', 'crashes', 'BLOCK', 5000, 'STREAMS', key, '>');
  const id = await redis.xadd(key, '*', 'job', '1');
  assert.equal(entriesOf(await waiting, key)[0][0], id);
  const [cursor, entries, deleted] = await redis.xautoclaim(key, 'g', 'saves', 0, '0-0');
  assert.equal(cursor, '0-0');
  assert.deepEqual(entries, [[id, ['job', '1']]]);
  assert.deepEqual(deleted, []);
  const [[, owner, , deliveries]] = await redis.xpending(key, 'g', '-', '+', 10);
  assert.deepEqual([owner, deliveries], ['saves', 2]);
});

test('ranges go both ways and trimming keeps the newest', async () => {
  const key = `${prefix}range`;
  for (let i = 1; i <= 300; i++) await redis.xadd(key, `${i}-0`, 'i', i);
  assert.deepEqual((await redis.xrange(key, '10', '12')).map(([id]) => id), ['10-0', '11-0', '12-0']);
  assert.deepEqual((await redis.xrevrange(key, '+', '-', 'COUNT', 2)).map(([id]) => id), ['300-0', '299-0']);
  assert.equal(await redis.xtrim(key, 'MAXLEN', 5), 295);
  assert.deepEqual((await redis.xrange(key, '-', '+')).map(([id]) => id), ['296-0', '297-0', '298-0', '299-0', '300-0']);
  assert.equal(await redis.xdel(key, '298-0'), 1);
  assert.equal(await redis.xlen(key), 4);
});

test('a reader without a group is woken by the next entry', async () => {
  const key = `${prefix}tail`;
  await redis.xadd(key, '1-0', 'a', '1');
  const waiting = blocked.xread('BLOCK', 5000, 'STREAMS', key, '$');
  await redis.call('PING');
  await redis.xadd(key, '2-0', 'b', '2');
  assert.deepEqual(entriesOf(await waiting, key), [['2-0', ['b', '2']]]);
});

test('what one consumer gives back another claims at once, with its history', async () => {
  const key = `${prefix}nack`;
  await redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM');
  const first = await redis.xadd(key, '*', 'job', '1');
  const second = await redis.xadd(key, '*', 'job', '2');
  await redis.xreadgroup('GROUP', 'g', 'a', 'STREAMS', key, '>');
  const waiting = blocked.xreadgroup('GROUP', 'g', 'b', 'BLOCK', 5000, 'CLAIM', 60_000, 'STREAMS', key, '>');
  assert.equal(await redis.call('XNACK', key, 'g', 'FAIL', 'IDS', 1, second), 1);
  const [[id, fields, , deliveries], ...others] = entriesOf(await waiting, key);
  assert.deepEqual([id, fields, deliveries, others], [second, ['job', '2'], 1, []]);
  assert.equal(await redis.call('XNACK', key, 'g', 'SILENT', 'IDS', 1, first), 1);
  const [[, owner, idle, count], [, taker]] = await redis.xpending(key, 'g', '-', '+', 10);
  assert.deepEqual([owner, idle, count, taker], ['', -1, 0, 'b']);
});

test('a reader that claims is woken when an entry has waited long enough', async () => {
  const key = `${prefix}idle`;
  await redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM');
  const id = await redis.xadd(key, '*', 'job', '1');
  await redis.xreadgroup('GROUP', 'g', 'a', 'STREAMS', key, '>');
  const reply = await blocked.xreadgroup('GROUP', 'g', 'b', 'BLOCK', 5000, 'CLAIM', 150, 'STREAMS', key, '>');
  const [[claimed, , idle]] = entriesOf(reply, key);
  assert.equal(claimed, id);
  assert.ok(idle >= 150 && idle < 5000, `idle ${idle}`);
});

test('an idempotent producer adds a message once', async () => {
  const key = `${prefix}idmp`;
  const id = await redis.call('XADD', key, 'IDMP', 'p', 'm1', '*', 'n', '1');
  assert.equal(await redis.call('XADD', key, 'IDMP', 'p', 'm1', '*', 'n', '1'), id);
  const automatic = await redis.call('XADD', key, 'IDMPAUTO', 'p', '*', 'a', '1', 'b', '2');
  assert.equal(await redis.call('XADD', key, 'IDMPAUTO', 'p', '*', 'b', '2', 'a', '1'), automatic);
  assert.equal(await redis.xlen(key), 2);
  assert.equal(await redis.call('XCFGSET', key, 'IDMP-DURATION', 10), 'OK');
  assert.notEqual(await redis.call('XADD', key, 'IDMP', 'p', 'm1', '*', 'n', '1'), id);
});

test('a stream is copied with its groups, and expires', async () => {
  const key = `${prefix}copied`;
  const copy = `${prefix}copy`;
  await redis.xadd(key, '1-0', 'a', '1');
  await redis.xgroup('CREATE', key, 'g', '0');
  await redis.xreadgroup('GROUP', 'g', 'c', 'STREAMS', key, '>');
  assert.equal(await redis.copy(key, copy), 1);
  assert.deepEqual(await redis.xrange(copy, '-', '+'), [['1-0', ['a', '1']]]);
  assert.equal((await redis.xpending(copy, 'g'))[0], 1);
  assert.equal(await redis.pexpire(copy, 100), 1);
  const reader = blocked.xreadgroup('GROUP', 'g', 'c', 'BLOCK', 5000, 'STREAMS', copy, '>');
  await assert.rejects(reader, /NOGROUP/);
  assert.equal(await redis.exists(copy), 0);
});

test('a group delivers again by itself, and at last to another stream', async () => {
  const key = `${prefix}policy`;
  const dead = `${prefix}dead`;
  await redis.xgroup('CREATE', key, 'g', '$', 'MKSTREAM');
  const policy = ['REDELIVER', 100, 'MAXDELIVERIES', 2, 'DEADLETTER', dead];
  assert.equal(await redis.call('XGROUP', 'POLICY', key, 'g', ...policy), 'OK');
  const id = await redis.xadd(key, '*', 'job', '1');
  const read = () => blocked.xreadgroup('GROUP', 'g', 'c', 'BLOCK', 300, 'STREAMS', key, '>');
  assert.equal(entriesOf(await read(), key)[0][0], id);
  assert.equal(entriesOf(await read(), key)[0][0], id);
  assert.equal(await read(), null);
  const [[, fields]] = await redis.xrange(dead, '-', '+');
  assert.deepEqual(fields.slice(0, 4), ['job', '1', 'weir.dead-letter.source', key]);
  assert.equal((await redis.xpending(key, 'g'))[0], 0);
});

// RESP2 gives pairs, RESP3 a map.
function entriesOf(reply, key) {
  if (reply === null) return [];
  if (Array.isArray(reply)) return (reply.find(([name]) => name === key) ?? [key, []])[1];
  return reply instanceof Map ? (reply.get(key) ?? []) : (reply[key] ?? []);
}

test('WATCH notices the entries of a stream and not the state of its groups', async () => {
  const key = `${prefix}watched`;
  for (const id of ['1-1', '2-1', '3-1']) await redis.xadd(key, id, 'a', '1');
  await redis.xgroup('CREATE', key, 'g', '0');
  await redis.xreadgroup('GROUP', 'g', 'c', 'COUNT', 2, 'STREAMS', key, '>');
  const notices = async (...command) => {
    await blocked.watch(key);
    await redis.call(...command);
    return await blocked.multi().ping().exec() === null;
  };
  const groups = [
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', key, '>'], ['XCLAIM', key, 'g', 'd', '0', '2-1'], ['XAUTOCLAIM', key, 'g', 'd', '0', '0'],
    ['XACK', key, 'g', '1-1'], ['XGROUP', 'CREATE', key, 'h', '0'], ['XGROUP', 'SETID', key, 'g', '0'], ['XGROUP', 'CREATECONSUMER', key, 'g', 'e'],
    ['XGROUP', 'DELCONSUMER', key, 'g', 'e'], ['XGROUP', 'DESTROY', key, 'h'], ['XSETID', key, '9-1'], ['XTRIM', key, 'MAXLEN', '100'], ['XDEL', key, '7-7'],
  ];
  for (const command of groups) assert.equal(await notices(...command), false, command.join(' '));
  for (const command of [['XADD', key, '10-1', 'a', '1'], ['XDEL', key, '10-1'], ['XTRIM', key, 'MAXLEN', '1'], ['DEL', key]]) {
    assert.equal(await notices(...command), true, command.join(' '));
  }
});
