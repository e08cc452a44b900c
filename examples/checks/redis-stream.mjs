// Two consumers share a group; one is killed in the middle of its work and the other takes over what it had pending.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['redis'];

export async function check({ start }) {
  const redis = new Redis(process.env.REDIS_URL);
  const slow = start('redis-stream/consumer.mjs', { args: ['slow'], env: { WORK_MS: '60000', CLAIM_IDLE_MS: '600000' } });
  await slow.until((p) => p.matches(/^ready$/).length > 0, 10_000, 'ready');
  assert.equal(slow.matches(/^group created$/).length, 1);
  await start('redis-stream/add.mjs', { args: ['8'] }).done();
  await slow.until((p) => p.matches(/^read /).length === 1, 10_000, 'the first order is being worked on');
  const pendingOfSlow = (await redis.xpending('orders', 'fulfilment', '-', '+', 100, 'slow')).length;
  assert.ok(pendingOfSlow >= 1);
  await slow.kill();

  const second = start('redis-stream/consumer.mjs', { args: ['second'], env: { CLAIM_IDLE_MS: '1000' } });
  await second.until((p) => p.matches(/BUSYGROUP/).length === 1, 10_000, 'the second XGROUP CREATE is told BUSYGROUP');
  await start('redis-stream/add.mjs', { args: ['20', '9'] }).done();
  await second.until((p) => new Set(p.matches(/^acked (\S+)/).map(([, order]) => order)).size === 28, 30_000, 'all 28 orders acknowledged');

  const claimed = second.matches(/^claimed (\S+)/).map(([, order]) => order);
  assert.equal(claimed.length, pendingOfSlow, 'exactly what the crashed consumer had pending is taken over');
  const read = second.matches(/^read (\S+)/).map(([, order]) => order);
  assert.equal(new Set([...claimed, ...read]).size, claimed.length + read.length, 'no order is handed out twice');
  const orderNumbers = read.map((order) => Number(order.split('-')[1]));
  assert.deepEqual(orderNumbers, [...orderNumbers].sort((a, b) => a - b), 'new entries come in stream order');
  await waitFor(async () => (await redis.xpending('orders', 'fulfilment'))[0] === 0, 5000, 'nothing pending');
  assert.equal(await redis.xlen('orders'), 28);
  await second.stop();
  await redis.quit();
  return `28 orders acknowledged, ${claimed.length} taken over from the killed consumer`;
}
