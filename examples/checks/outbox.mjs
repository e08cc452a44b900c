// Orders are placed while the broker is killed, and once the database. In the end each order that was committed has one event on the
// topic and one message in the queue, those of a customer in their order, and what was taken back has neither.
import assert from 'node:assert/strict';
import { startPostgres, withoutPostgres } from '../../tests/clients/support/postgres.mjs';
import { waitFor } from '../../tests/clients/support/programs.mjs';
import { readTopic, topicSizes } from './logs.mjs';

export const needs = ['kafka', 'aws', 'http'];
export const missing = withoutPostgres;

const orders = 200;

export async function check({ broker, start }) {
  const postgres = await startPostgres();
  const env = { DATABASE_URL: `postgres://postgres@127.0.0.1:${postgres.port}/postgres` };
  try {
    await start('outbox/setup.mjs', { env }).done();
    await start('outbox/place.mjs', { args: ['1'], env }).done();
    const worker = start('outbox/worker.mjs');
    await waitFor(async () => await topicSizes('order-events').catch(() => 0) > 0, 30_000, 'the first order arrives');
    const consumer = start('outbox/consumer.mjs');
    await waitFor(() => consumer.matches(/^placed /).length > 0, 60_000, () => `the consumer's first event: ${consumer.errors}${consumer.tail()}`);
    postgres.psql('DELETE FROM orders');
    const place = start('outbox/place.mjs', { args: [String(orders)], env });
    await broker.restart();
    await place.done();
    await broker.restart();
    await postgres.kill();
    await postgres.start();
    const committed = postgres.psql('SELECT id, customer FROM orders ORDER BY id').split('\n').map((line) => line.split('|'));
    assert.equal(committed.length, orders * 0.9);

    const all = committed.length + 1;  // with the first one, which came before the others
    const said = (program, pattern) => new Set(program.matches(pattern).map(([, id]) => id));
    await waitFor(() => said(consumer, /^placed (\d+) of/).size >= committed.length && said(worker, /^packed (\d+)$/).size >= committed.length, 100_000,
      () => `all orders at both; consumer: ${consumer.errors}${consumer.tail()} worker: ${worker.errors}${worker.tail()}`);
    const events = await readTopic('order-events');
    const work = await readTopic('order-work');
    assert.equal(events.length, all, 'one event for each order');
    assert.equal(work.length, all, 'one message for each order');
    const of = (customer) => events.filter(({ key }) => key === customer).map(({ value }) => JSON.parse(value).id);
    for (const customer of new Set(committed.map(([, name]) => name))) {
      const wanted = committed.filter(([, name]) => name === customer).map(([id]) => Number(id));
      assert.deepEqual(of(customer).slice(-wanted.length), wanted, `the orders of ${customer} in their order`);
    }
    assert.deepEqual(work.slice(1).map(({ value }) => JSON.parse(value).pack), committed.map(([id]) => Number(id)));
    return `${committed.length} orders of ${orders} committed, each one event and one message, across two kills of the broker and one of the database`;
  } finally {
    await postgres.stop();
  }
}
