// One topic, four services: two groups, a queue with two workers, a queue for a part. Each sees what is its own exactly once, and
// a group that comes late sees everything from the start.
import assert from 'node:assert/strict';

export const needs = ['kafka', 'aws', 'http'];

const orders = 60;
const waitMs = 40_000;

const numbers = (...programs) => programs.flatMap((program) => program.matches(/order (\d+)$/).map(([, number]) => Number(number))).sort((a, b) => a - b);
const upTo = (last) => Array.from({ length: last }, (_, i) => i + 1);

export async function check({ start }) {
  await start('fan-out/setup.mjs').done();
  const groups = ['billing', 'analytics'].map((group) => start('fan-out/service.mjs', { args: [group] }));
  const mailers = [1, 2].map(() => start('fan-out/worker.mjs', { args: ['order-mails'] }));
  const checker = start('fan-out/worker.mjs', { args: ['order-checks'] });
  await start('fan-out/publish.mjs', { args: [String(orders / 2)] }).done();
  await start('fan-out/publish.mjs', { args: [String(orders / 2), String(orders / 2 + 1)] }).done();

  const all = upTo(orders);
  for (const group of groups) {
    await group.until(() => numbers(group).length >= orders, waitMs, `${orders} orders seen`);
    assert.deepEqual(numbers(group), all, 'a group sees every order');
  }
  await mailers[0].until(() => numbers(...mailers).length >= orders, waitMs, `${orders} mails sent`);
  assert.deepEqual(numbers(...mailers), all, 'each order is done by one of the two workers');
  const large = all.filter((number) => number % 10 === 0);
  await checker.until(() => numbers(checker).length >= large.length, waitMs, 'the large orders checked');
  assert.deepEqual(numbers(checker), large, 'the filter lets the large ones through alone');

  const late = start('fan-out/service.mjs', { args: ['loyalty'] });
  await late.until(() => numbers(late).length >= orders, waitMs, 'what happened before it came');
  assert.deepEqual(numbers(late), all);
  await Promise.all([...groups, ...mailers, checker, late].map((program) => program.stop()));
  return `${orders} orders published once: all seen by 3 groups (one came late), all done by two workers, ${large.length} by the one behind a filter`;
}
