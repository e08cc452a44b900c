// BRPOP hands each task to one of two workers; the reliable form loses nothing although a worker is killed at its work.
import assert from 'node:assert/strict';
import Redis from 'ioredis';

export const needs = ['redis'];

const ready = (program) => program.until((p) => p.matches(/^ready$/).length > 0, 10_000, 'ready');
const doneBy = (...workers) => workers.flatMap((worker) => worker.matches(/^done (\S+)$/).map(([, task]) => task));

export async function check({ start }) {
  const redis = new Redis(process.env.REDIS_URL);
  const plain = [start('redis-list/worker.mjs'), start('redis-list/worker.mjs')];
  await Promise.all(plain.map(ready));
  await start('redis-list/push.mjs', { args: ['tasks', '40'] }).done();
  await plain[0].until(() => doneBy(...plain).length >= 40, 10_000, 'forty tasks done');
  assert.equal(new Set(doneBy(...plain)).size, 40, 'each task goes to one worker');
  for (const worker of plain) {
    const numbers = doneBy(worker).map((task) => Number(task.split('-')[1]));
    assert.deepEqual(numbers, [...numbers].sort((a, b) => a - b), 'first in, first out');
  }
  await Promise.all(plain.map((worker) => worker.stop()));

  const doomed = start('redis-list/reliable-worker.mjs', { args: ['one'], env: { WORK_MS: '60000' } });
  await ready(doomed);
  await start('redis-list/push.mjs', { args: ['reliable-tasks', '10'] }).done();
  await doomed.until((p) => p.matches(/^took task-1$/).length === 1, 10_000, 'the oldest task taken');
  await doomed.kill();
  assert.deepEqual(await redis.lrange('reliable-tasks:one', 0, -1), ['task-1'], 'the task in hand survives its worker');

  const heir = start('redis-list/reliable-worker.mjs', { args: ['one'] });
  await heir.until(() => doneBy(heir).length === 10, 10_000, 'ten tasks done');
  assert.deepEqual(heir.matches(/^returned (\S+)$/).map(([, task]) => task), ['task-1']);
  assert.deepEqual(doneBy(heir), Array.from({ length: 10 }, (_, i) => `task-${i + 1}`));
  assert.equal(await redis.exists('reliable-tasks', 'reliable-tasks:one'), 0, 'empty lists are gone');
  await heir.stop();
  await redis.quit();
  return '40 tasks by BRPOP, 10 by BLMOVE across a killed worker';
}
