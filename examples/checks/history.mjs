// The jobs of the queue worker stay readable after their acknowledgement, and three of them are worked on again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['kafka', 'aws', 'http'];

const jobs = 12;

export async function check({ start }) {
  await start('queue-worker/send.mjs', { args: ['0'] }).done();  // creates the queues
  execFileSync(process.env.WEIR, ['queue', 'set', 'jobs', '--history', '1h'], { encoding: 'utf8' });
  await start('queue-worker/send.mjs', { args: [String(jobs)] }).done();
  const worker = start('queue-worker/worker.mjs', { env: { WAIT_TIME_SECONDS: '2' } });
  const done = () => worker.matches(/^done (\S+)$/).map(([, id]) => id);
  await worker.until(() => done().length === jobs, 20_000, 'every job done');

  const browse = start('history/browse.mjs', { args: ['jobs'] });
  const browsed = () => browse.matches(/^(\d+) (.*)$/).map(([, offset, value]) => ({ offset: Number(offset), id: JSON.parse(value).id }));
  await browse.until(() => browsed().length >= jobs, 40_000, 'the acknowledged jobs are in the log');
  assert.deepEqual(browsed(), Array.from({ length: jobs }, (_, i) => ({ offset: i, id: `job-${i + 1}` })), 'in the order in which they were sent');

  await start('history/replay.mjs', { args: ['jobs', '2', '4'] }).done();
  await waitFor(() => done().length === jobs + 3, 20_000, 'three jobs are worked on again');
  assert.deepEqual(done().slice(jobs).sort(), ['job-3', 'job-4', 'job-5']);
  await browse.until(() => browsed().length === jobs + 3, 20_000, 'the browser sees the new jobs too');
  await browse.stop();
  await worker.stop();
  return `${jobs} acknowledged jobs browsed, 3 of them worked on again`;
}
