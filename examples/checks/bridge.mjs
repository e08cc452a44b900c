// The broker is killed while events pass from topic to queue to audit topic. In the end the logs themselves are counted:
// every event has exactly one work item, every acknowledged item exactly one audit record.
import assert from 'node:assert/strict';
import { readTopic, topicSizes } from './logs.mjs';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['kafka', 'aws', 'http'];

const payments = 1000;
const kills = 3;

const countBy = (records, keyOf) => {
  const counts = new Map();
  for (const record of records) counts.set(keyOf(record), (counts.get(keyOf(record)) ?? 0) + 1);
  return counts;
};

export async function check({ broker, start }) {
  await start('bridge/setup.mjs').done();
  const producer = start('bridge/produce.mjs', { args: [String(payments)] });
  const worker = start('bridge/worker.mjs');
  for (let kill = 1; kill <= kills; kill += 1) {
    const enough = (payments * kill) / (kills + 2);
    await worker.until((p) => p.matches(/^acknowledged /).length >= enough, 60_000, `${enough} payments acknowledged`);
    await broker.kill();
    await broker.restart();
  }
  await producer.done();
  let sizes;
  const settled = async () => {
    sizes = [await topicSizes('payments'), await topicSizes('payment-work'), await topicSizes('payment-audit')];
    return sizes[2] >= payments;
  };
  await waitFor(settled, 60_000, () => `an audit record for each payment; there are ${sizes[0]} events, ${sizes[1]} work items, ${sizes[2]} audit records\n${worker.errors}${worker.tail()}`);

  const events = await readTopic('payments');
  const items = await readTopic('payment-work');
  const audits = await readTopic('payment-audit');
  await worker.kill();
  const paymentOf = ({ value }) => JSON.parse(value).payment;
  assert.equal(events.length, payments, 'the idempotent producer repeats nothing');
  const itemsOf = countBy(items, paymentOf);
  for (const event of events) assert.equal(itemsOf.get(paymentOf(event)), 1, `payment ${paymentOf(event)} has exactly one work item`);
  assert.equal(items.length, payments);

  const auditsOf = countBy(audits, ({ key }) => key);  // the key of an audit record is the message id
  assert.equal(auditsOf.size, audits.length, 'no message id has two audit records');
  assert.equal(audits.length, payments);
  for (const [, payment, id] of worker.matches(/^acknowledged (\S+) (\S+)$/)) assert.equal(auditsOf.get(id), 1, `payment ${payment}, acknowledged as ${id}, has exactly one audit record`);
  const idsOf = new Map();
  for (const [, payment, id] of worker.matches(/^working (\S+) (\S+)$/)) idsOf.set(payment, (idsOf.get(payment) ?? new Set()).add(id));
  for (const [payment, ids] of idsOf) assert.equal(ids.size, 1, `payment ${payment} came under one message id only`);
  return `${payments} events, ${items.length} work items, ${audits.length} audit records across ${kills} kills`;
}
