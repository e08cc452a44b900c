// Two programs place the same orders while the broker and the projection are killed. In the end each order has three events, one for
// each step, and the table has counted each of them once.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { temporaryFolder } from '../../tests/clients/support/broker.mjs';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['http'];

const orders = 60;

export async function check({ broker, start }) {
  const { DatabaseSync } = await import('node:sqlite');
  const { folder, remove } = temporaryFolder('order-events');
  const file = join(folder, 'orders.sqlite');
  const reached = (program) => Number(program.matches(/^reached (\d+)$/).at(-1)?.[1] ?? 0);
  try {
    const commands = [start('order-events/command.mjs', { args: [String(orders)] }), start('order-events/command.mjs', { args: [String(orders)] })];
    for (let kill = 1; kill <= 3; kill += 1) {
      const project = start('order-events/project.mjs', { args: [file] });
      await waitFor(() => reached(project) >= kill * orders / 2, 60_000, () => `position ${kill * orders / 2}: ${project.errors}${project.tail()}`);
      await project.kill();
      if (kill === 2) await broker.restart();
    }
    let done = 0;
    for (const program of commands) done += Number((await program.done()).matches(/^done (\d+) refused \d+$/)[0][1]);
    const last = start('order-events/project.mjs', { args: [file] });
    await waitFor(() => reached(last) >= 3 * orders || last.matches(/^begins at (\d+)$/)[0]?.[1] === String(3 * orders), 60_000, () => `all events: ${last.errors}${last.tail()}`);
    await last.kill();
    const rows = new DatabaseSync(file).prepare('SELECT id, state, events FROM orders').all();
    assert.equal(rows.length, orders);
    for (const { state, events } of rows) assert.deepEqual([state, events], ['sent', 3]);
    assert.equal(done, 3 * orders, 'each step was done by one of the two');
    return `${orders} orders by two programs, ${3 * orders} events counted once across three kills of the projection and one of the broker`;
  } finally {
    remove();
  }
}
