// A group reads everything, is moved to the start, to an offset and to a time, and reads again from there each time.
import assert from 'node:assert/strict';
import { waitFor } from '../../tests/clients/support/programs.mjs';
import { distinct, eventsOf } from './stream-consumer.mjs';

export const needs = ['kafka'];

const runMs = 40_000;

export async function check({ start }) {
  const read = async (wanted) => {
    const program = start('stream-consumer/consumer.mjs', { args: ['replayed'] });
    await program.until(() => wanted(eventsOf(program)), runMs, 'the group has read what was wanted');
    await program.stop();
    return eventsOf(program);
  };
  const replay = (...args) => start('replay/replay.mjs', { args: ['replayed', ...args] }).done();

  await start('stream-consumer/produce.mjs', { args: ['60'] }).done();
  const produced = Date.now();
  await waitFor(() => Date.now() > produced + 5, 1000, 'the next moment');
  const between = new Date().toISOString();
  await start('stream-consumer/produce.mjs', { args: ['60', '61'] }).done();
  const all = await read((events) => distinct(events) === 120);
  assert.equal(all.length, 120);

  await replay('earliest');
  const second = await read((events) => events.length >= 120);
  assert.deepEqual(new Set(second.map(({ number }) => number)), new Set(all.map(({ number }) => number)), 'everything again');
  const recordAt = new Map(all.map(({ partition, offset, number }) => [`${partition}/${offset}`, number]));
  for (const { partition, offset, number } of second) assert.equal(recordAt.get(`${partition}/${offset}`), number, 'an offset keeps its record');

  const expected = all.filter(({ offset }) => offset >= 5);
  const moved = await replay('offset', '5');
  assert.ok(moved.lines.every(({ text }) => text.endsWith('/5')), 'setOffsets is what fetchOffsets answers');
  const fromFive = await read((events) => events.length >= expected.length);
  assert.deepEqual(new Set(fromFive.map(({ number }) => number)), new Set(expected.map(({ number }) => number)), 'each partition from offset 5');

  await replay('time', between);
  const later = await read((events) => distinct(events) >= 60);
  assert.ok(later.every(({ number }) => number > 60), 'only what was produced after that moment');
  assert.equal(distinct(later), 60);
  return `120 events read, then 120 from earliest, ${expected.length} from offset 5, 60 from a timestamp`;
}
