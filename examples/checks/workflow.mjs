// Orders go through three steps. Workers are killed in the middle of a step, and the broker once; orders that cannot be charged
// become dead letters and go on where they stopped once they can. Each order passes each step's end exactly once.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readTopic, topicSizes } from './logs.mjs';
import Redis from 'ioredis';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['kafka', 'aws', 'redis', 'http'];

const orders = 21;
const insolvent = 3;
const waitMs = 60_000;

const weir = (...args) => execFileSync(process.env.WEIR, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
const describe = (queue) => JSON.parse(weir('queue', 'describe', queue, '--json'));

export async function check({ broker, start }) {
  await start('workflow/setup.mjs').done();
  const doomed = start('workflow/worker.mjs', { args: ['reserve'], env: { WORK_MS: '60000' } });
  await start('workflow/order.mjs', { args: [String(orders)] }).done();
  await doomed.until((p) => p.matches(/begins/).length === 1, waitMs, 'an order in the hands of a worker');
  await doomed.kill();

  let workers = ['reserve', 'charge', 'charge'].map((step) => start('workflow/worker.mjs', { args: [step] }));
  const shipped = async () => topicSizes('ship-done');
  await waitFor(async () => await topicSizes('charge-done') >= orders / 2, waitMs, 'half of the orders charged');
  await Promise.all(workers.map((worker) => worker.kill()));
  await broker.restart();
  workers = ['reserve', 'charge', 'ship', 'ship'].map((step) => start('workflow/worker.mjs', { args: [step] }));
  await waitFor(async () => await shipped() >= orders - insolvent && describe('orders-stuck').ready === insolvent, waitMs, () => `all shipped but ${insolvent}, which are stuck\n${workers.map((p) => `${p.errors}${p.tail()}`).join('')}`);

  const charge = start('workflow/worker.mjs', { args: ['charge'], env: { FUNDS: '1' } });
  await workers[1].kill();  // the one that still has no funds
  weir('queue', 'redrive', 'orders-stuck');  // each goes back to the step that it failed at
  await waitFor(async () => await shipped() >= orders, waitMs, () => `every order shipped\n${charge.errors}${charge.tail()}`);

  const redis = new Redis(process.env.REDIS_URL);
  for (const step of ['reserve', 'charge', 'ship']) {
    const events = (await readTopic(`${step}-done`)).map(({ value }) => JSON.parse(value));
    assert.equal(events.length, orders, `each order ends ${step} once`);
    const results = await Promise.all(events.map(async ({ data }) => JSON.parse(await redis.get(`result:${data.message_id}`))));
    assert.deepEqual(results.map(({ order }) => order).sort((a, b) => a - b), Array.from({ length: orders }, (_, i) => i + 1));
    if (step === 'ship') assert.ok(results.every(({ shelf, invoice, parcel }) => shelf && invoice && parcel), 'each step adds its part');
  }
  redis.disconnect();
  await Promise.all([...workers, charge].map((worker) => worker.kill()));
  return `${orders} orders through 3 steps, each step's end recorded once, across killed workers and a killed broker; ${insolvent} dead letters resumed`;
}
