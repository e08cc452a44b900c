// Every transfer leaves one event, the failed one, too; whoever tries to delete or shorten the log is refused, across a killed broker.
import assert from 'node:assert/strict';
import { readTopic } from './logs.mjs';

export const needs = ['kafka', 'aws', 'redis', 'http'];

const transfers = 20;

export async function check({ broker, start }) {
  await start('audit-log/setup.mjs').done();
  const program = await start('audit-log/transfer.mjs', { args: [String(transfers)] }).done();
  const done = program.matches(/^done (\d+) (\S+)$/).map(([, , id]) => id);
  assert.equal(done.length, transfers - 1);
  const attempts = async () => (await start('audit-log/erase.mjs').done()).lines.map(({ text }) => text);
  const before = await readTopic('transfer-audit');
  const first = await attempts();
  await broker.restart();
  const second = await attempts();
  for (const outcome of [...first, ...second]) assert.match(outcome, /^refused: /);
  assert.ok(first.length >= 10 && second.length === first.length);

  const after = await readTopic('transfer-audit');
  assert.deepEqual(after, before, 'nothing is gone');
  const events = after.map(({ value }) => JSON.parse(value));
  const ids = (type) => events.filter((event) => event.type === type).map(({ data }) => data.message_id).sort();
  assert.deepEqual(ids('weir.message.acknowledged'), [...done].sort(), 'who acknowledged left an event');
  assert.equal(ids('weir.message.dead-lettered').length, 1, 'and so did the one that failed');
  assert.equal(events.length, transfers);
  return `${transfers} transfers, ${events.length} events; ${first.length} ways to lose them refused, before and after a kill`;
}
