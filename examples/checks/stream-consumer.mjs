// Keyed events over four partitions, read by two groups, across a restart and a rebalance.
import assert from 'node:assert/strict';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['kafka'];

const rebalanceMs = 40_000;
const eventLine = /^event (\d+) of (\S+) at (\d+)\/(\d+)$/;
export const eventsOf = (...programs) => programs.flatMap((program) => program.matches(eventLine))
  .map(([, number, key, partition, offset]) => ({ number: Number(number), key, partition: Number(partition), offset: Number(offset) }));
export const distinct = (events) => new Set(events.map(({ number }) => number)).size;
const assignment = (program) => program.matches(/^assigned (.*)$/).at(-1)?.[1];

function assertOrder(program) {
  const [lastOfKey, lastOfPartition] = [new Map(), new Map()];
  for (const { number, key, partition, offset } of eventsOf(program)) {
    assert.ok(number > (lastOfKey.get(key) ?? -1), `${key}: event ${number} after ${lastOfKey.get(key)}`);
    assert.ok(offset > (lastOfPartition.get(partition) ?? -1), `partition ${partition}: offset ${offset} after ${lastOfPartition.get(partition)}`);
    lastOfKey.set(key, number);
    lastOfPartition.set(partition, offset);
  }
}

export async function check({ start }) {
  await start('stream-consumer/produce.mjs', { args: ['120'] }).done();
  const first = start('stream-consumer/consumer.mjs');
  await first.until(() => distinct(eventsOf(first)) === 120, rebalanceMs, 'analytics-v2 has read 120 events');
  assert.equal(assignment(first), '0,1,2,3');
  assertOrder(first);
  const partitionsOfKey = new Map();
  for (const { key, partition } of eventsOf(first)) partitionsOfKey.set(key, (partitionsOfKey.get(key) ?? new Set()).add(partition));
  assert.ok([...partitionsOfKey.values()].every((partitions) => partitions.size === 1), 'one partition a key');
  assert.ok(new Set(eventsOf(first).map(({ partition }) => partition)).size > 1, 'several partitions carry events');
  await first.stop();

  const audit = start('stream-consumer/consumer.mjs', { args: ['audit'], env: { COMMIT: 'manual' } });
  await audit.until(() => distinct(eventsOf(audit)) === 120, rebalanceMs, 'audit has read everything independently');
  assertOrder(audit);
  await audit.kill();  // what was committed by hand stays committed

  await start('stream-consumer/produce.mjs', { args: ['60', '121'] }).done();
  const again = start('stream-consumer/consumer.mjs');
  await again.until(() => distinct(eventsOf(again)) >= 60, rebalanceMs, 'analytics-v2 continues');
  assert.deepEqual([...new Set(eventsOf(again).map(({ number }) => number))].sort((a, b) => a - b), Array.from({ length: 60 }, (_, i) => 121 + i), 'and reads only what came after its commit');
  assertOrder(again);

  const second = start('stream-consumer/consumer.mjs');
  await waitFor(() => {
    const [a, b] = [assignment(again), assignment(second)];
    return a && b && a.length === 3 && b.length === 3 && [a, b].join(',').split(',').sort().join('') === '0123';
  }, rebalanceMs, () => `two members share four partitions: ${assignment(again)} and ${assignment(second)}\n${again.errors}${second.errors}`);
  const before = [again.lines.length, second.lines.length];
  await start('stream-consumer/produce.mjs', { args: ['60', '181'] }).done();
  const fresh = () => [...eventsOf(again), ...eventsOf(second)].filter(({ number }) => number > 180);
  await waitFor(() => distinct(fresh()) === 60, rebalanceMs, 'both members together read the next 60');
  assert.ok(again.lines.length > before[0] && second.lines.length > before[1], 'each of them reads some');
  assert.equal(fresh().length, 60, 'and nothing is read by both');

  await second.stop();
  await waitFor(() => assignment(again) === '0,1,2,3', rebalanceMs, 'the one that stays gets all partitions');
  await start('stream-consumer/produce.mjs', { args: ['60', '241'] }).done();
  await waitFor(() => distinct(eventsOf(again).filter(({ number }) => number > 240)) === 60, rebalanceMs, 'and reads the last 60');
  await again.stop();

  const auditAgain = start('stream-consumer/consumer.mjs', { args: ['audit'], env: { COMMIT: 'manual' } });
  await auditAgain.until(() => distinct(eventsOf(auditAgain).filter(({ number }) => number > 120)) === 180, rebalanceMs, 'audit reads what is new to it');
  assert.ok(eventsOf(auditAgain).filter(({ number }) => number <= 120).length <= 1, 'at most the one event under way at the kill comes again');
  await auditAgain.stop();
  return '300 events in order per key, two groups, a restart, a rebalance to two members and back';
}
