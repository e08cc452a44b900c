// The updates of each user are applied in order: from a stream by two consumers, from a FIFO queue by three workers. One update can
// never be applied: it is put aside or becomes a dead letter, and the later ones of its user come after its last try.
import assert from 'node:assert/strict';
import { readTopic } from './logs.mjs';
import { Kafka, logLevel } from 'kafkajs';

export const needs = ['kafka', 'aws'];

const updates = 120;
const broken = 20;
const userOfBroken = `user-${broken % 8}`;
const waitMs = 60_000;
const tries = 3;

// [{ what, update, user }] of all programs, in the order in which they said it.
const said = (programs) => programs.flatMap(({ lines }) => lines).sort((a, b) => a.at - b.at)
  .map(({ text }) => text.match(/^(applied|failed) (\d+) of (user-\d)/)).filter(Boolean)
  .map(([, what, update, user]) => ({ what, update: Number(update), user }));
const applied = (programs) => said(programs).filter(({ what }) => what === 'applied');

function assertOrder(programs) {
  const last = new Map();
  for (const { update, user } of applied(programs)) {
    assert.ok(update > (last.get(user) ?? 0), `${user}: update ${update} after ${last.get(user)}`);
    last.set(user, update);
  }
  assert.equal(applied(programs).length, updates - 1, 'each update once');
  const ofUser = said(programs).filter(({ user }) => user === userOfBroken).map(({ what, update }) => `${what} ${update}`);
  const firstTry = ofUser.indexOf(`failed ${broken}`);
  assert.deepEqual(ofUser.slice(firstTry, firstTry + tries), Array(tries).fill(`failed ${broken}`), 'nothing of its user passes it');
  assert.equal(ofUser.filter((text) => text === `failed ${broken}`).length, tries);
}

export async function check({ start }) {
  const env = { BROKEN: String(broken) };
  const admin = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: 'user-updates-aside', numPartitions: 1 }] });
  await admin.disconnect();
  await start('order-per-user/produce.mjs', { args: ['0'] }).done();  // creates the topic
  const consumers = [1, 2].map(() => start('order-per-user/consumer.mjs', { env }));
  for (const consumer of consumers) await consumer.until((p) => p.matches(/^joined$/).length > 0, waitMs, 'a place in the group');
  await start('order-per-user/produce.mjs', { args: [String(updates)] }).done();
  await consumers[0].until(() => applied(consumers).length >= updates - 1, waitMs, 'every update of the stream applied');
  assertOrder(consumers);
  assert.deepEqual((await readTopic('user-updates-aside')).map(({ key, value }) => [key, JSON.parse(value).update]), [[userOfBroken, broken]]);
  await Promise.all(consumers.map((consumer) => consumer.stop()));

  await start('order-per-user/send.mjs', { args: ['0'] }).done();  // creates the queue
  const workers = [1, 2, 3].map(() => start('order-per-user/worker.mjs', { env }));
  await start('order-per-user/send.mjs', { args: [String(updates)] }).done();
  await workers[0].until(() => applied(workers).length >= updates - 1, waitMs, 'every update of the queue applied');
  assertOrder(workers);
  assert.ok(workers.filter((worker) => applied([worker]).length > 0).length > 1, 'several workers share the users');
  const between = said(workers).map(({ update }) => update);
  const waiting = said(workers).slice(between.indexOf(broken), between.lastIndexOf(broken)).filter(({ user }) => user !== userOfBroken);
  assert.ok(waiting.length > 0, 'other users do not wait for the one whose update fails');
  await Promise.all(workers.map((worker) => worker.stop()));
  return `${updates} updates of 8 users in order: two consumers of 4 partitions, three workers of a FIFO queue; one broken update put aside`;
}
