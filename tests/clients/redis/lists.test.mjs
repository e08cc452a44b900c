// Lists as job queues, with ioredis against the broker at REDIS_URL.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Redis from 'ioredis';

const prefix = `lists-${process.pid}-`;
let redis;
let blocked;

before(() => {
  redis = new Redis(process.env.REDIS_URL);
  blocked = new Redis(process.env.REDIS_URL);
});
after(() => {
  redis.disconnect();
  blocked.disconnect();
});

test('what is pushed on the left is popped on the right in order', async () => {
  const key = `${prefix}fifo`;
  for (let i = 0; i < 50; i++) await redis.lpush(key, `job-${i}`);
  const seen = [];
  for (let i = 0; i < 50; i++) seen.push(await redis.rpop(key));
  assert.deepEqual(seen, Array.from({ length: 50 }, (_, i) => `job-${i}`));
  assert.equal(await redis.exists(key), 0);
});

test('a blocked worker gets the job that is pushed', async () => {
  const key = `${prefix}brpop`;
  const waiting = blocked.brpop(key, 10);
  await redis.lpush(key, 'job');
  assert.deepEqual(await waiting, [key, 'job']);
});

test('BLMOVE keeps the job in a second list until it is removed', async () => {
  const [todo, doing] = [`${prefix}todo`, `${prefix}doing`];
  const waiting = blocked.blmove(todo, doing, 'RIGHT', 'LEFT', 10);
  await redis.lpush(todo, 'job');
  assert.equal(await waiting, 'job');
  assert.deepEqual(await redis.lrange(doing, 0, -1), ['job']);
  assert.equal(await redis.lrem(doing, 1, 'job'), 1);
});

test('a timeout is a null, no earlier than asked for', async () => {
  const begin = Date.now();
  assert.equal(await blocked.brpop(`${prefix}nothing`, 0.2), null);
  assert.ok(Date.now() - begin >= 190);
});

test('a pipeline of pushes and pops is answered in order', async () => {
  const key = `${prefix}pipeline`;
  const pipeline = redis.pipeline();
  for (let i = 0; i < 500; i++) pipeline.lpush(key, i);
  for (let i = 0; i < 500; i++) pipeline.rpop(key);
  const replies = await pipeline.exec();
  assert.deepEqual(replies.slice(500).map(([, value]) => Number(value)), Array.from({ length: 500 }, (_, i) => i));
});

test('MULTI is all or nothing', async () => {
  const key = `${prefix}multi`;
  await redis.set(`${key}:text`, 'x');
  const replies = await redis.multi().rpush(key, 'a').lpush(`${key}:text`, 'b').llen(key).exec();
  assert.equal(replies[0][1], 1);
  assert.match(replies[1][0].message, /^WRONGTYPE/);
  assert.equal(replies[2][1], 1);
});

test('hashes, sets and strings keep what they are given', async () => {
  await redis.hset(`${prefix}h`, { a: '1', b: '2' });
  assert.deepEqual(await redis.hgetall(`${prefix}h`), { a: '1', b: '2' });
  await redis.sadd(`${prefix}s`, 'x', 'y', 'x');
  assert.equal(await redis.scard(`${prefix}s`), 2);
  await redis.set(`${prefix}t`, Buffer.from([0, 255, 13, 10]));
  assert.deepEqual(await redis.getBuffer(`${prefix}t`), Buffer.from([0, 255, 13, 10]));
});

test('messages reach a subscriber', async () => {
  const subscriber = new Redis(process.env.REDIS_URL);
  await subscriber.subscribe(`${prefix}news`);
  const heard = new Promise((resolve) => subscriber.on('message', (channel, text) => resolve([channel, text])));
  assert.equal(await redis.publish(`${prefix}news`, 'hello'), 1);
  assert.deepEqual(await heard, [`${prefix}news`, 'hello']);
  subscriber.disconnect();
});
