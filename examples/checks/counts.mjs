// The counter and the broker are killed while views come in. In the end each minute has exactly the views that it had.
import assert from 'node:assert/strict';
import Redis from 'ioredis';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['kafka', 'redis'];

const views = 3000;
const minutes = 5;
const kills = 4;

export async function check({ broker, start }) {
  await start('counts/produce.mjs', { args: ['0'] }).done();  // creates the topic
  const producer = start('counts/produce.mjs', { args: [String(views), String(minutes * 60)] });
  const redis = new Redis(process.env.REDIS_URL);
  redis.on('error', () => {});
  const counted = async () => Object.values(await redis.hgetall('page-views:counts').catch(() => ({}))).reduce((sum, count) => sum + Number(count), 0);

  const counters = [];
  for (let kill = 1; kill <= kills; kill += 1) {
    counters.push(start('counts/count.mjs'));
    const enough = (views * kill) / (kills + 2);
    await waitFor(async () => await counted() >= enough, 60_000, () => `${enough} views counted: ${counters.at(-1).errors}${counters.at(-1).tail()}`);
    await counters.at(-1).kill();
    if (kill % 2 === 0) await broker.restart();
  }
  counters.push(start('counts/count.mjs'));
  const [[, began]] = (await producer.done()).matches(/^produced \d+ from (\S+)$/);
  await waitFor(async () => await counted() >= views, 60_000, () => `${views} views counted: ${counters.at(-1).errors}${counters.at(-1).tail()}`);
  await counters.at(-1).stop();

  const shown = (await start('counts/show.mjs').done()).matches(/^(\S+) (\S+) (\d+)$/).map(([, minute, page, count]) => [minute, page, Number(count)]);
  const expected = [];
  for (let minute = 0; minute < minutes; minute += 1) {
    const name = new Date(Date.parse(began) + minute * 60_000).toISOString().slice(0, 16);
    for (const page of ['/', '/docs', '/prices']) expected.push([name, page, views / minutes / 3]);
  }
  assert.deepEqual(shown, expected);
  redis.disconnect();
  const again = counters.flatMap((counter) => counter.matches(/passed over (\d+)$/)).reduce((sum, [, count]) => sum + Number(count), 0);
  return `${views} views in ${minutes} minutes counted exactly across ${kills} kills of the counter and ${kills / 2} of the broker; ${again} came again and were passed over`;
}
