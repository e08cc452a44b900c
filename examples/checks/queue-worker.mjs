// Two workers share the queue; some jobs always fail. Every good job is done exactly once, no job is with two workers
// within its lease, and the broken ones end in the dead-letter queue after three receives.
import assert from 'node:assert/strict';
import { GetQueueAttributesCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { waitFor } from '../../tests/clients/support/programs.mjs';

export const needs = ['aws'];

const leaseMs = 2000;
const clockToleranceMs = 300;  // a worker prints "received" a moment after the broker granted the lease
const good = 60;
const broken = 4;
const maxReceiveCount = 3;

export async function check({ start }) {
  const sqs = new SQSClient({});
  await start('queue-worker/send.mjs', { args: ['1', 'first'] }).done();
  const env = { VISIBILITY_TIMEOUT: String(leaseMs / 1000), WAIT_TIME_SECONDS: '5' };
  const workers = ['one', 'two'].map(() => start('queue-worker/worker.mjs', { env }));
  await start('queue-worker/send.mjs', { args: [String(good)] }).done();
  await start('queue-worker/send.mjs', { args: [String(broken), 'broken'] }).done();

  const url = async (QueueName) => (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
  const [jobs, dead] = [await url('jobs'), await url('jobs-dead')];
  const count = async (QueueUrl) => {
    const AttributeNames = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'];
    const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }));
    return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
  };
  await waitFor(async () => await count(dead) === broken && await count(jobs) === 0, 40_000, 'the broken jobs in the dead-letter queue, nothing else left');

  const events = workers.flatMap((worker) => worker.lines).sort((a, b) => a.at - b.at);
  const received = new Map();
  for (const { at, text } of events) {
    const [, id, attempt] = text.match(/^received (\S+) attempt (\d+)$/) ?? [];
    if (!id) continue;
    const earlier = received.get(id) ?? [];
    assert.equal(Number(attempt), earlier.length + 1, `${id}: the receive count counts every receive`);
    if (earlier.length > 0) assert.ok(at - earlier.at(-1) >= leaseMs - clockToleranceMs, `${id} was handed out again ${at - earlier.at(-1)} ms into a lease of ${leaseMs} ms`);
    received.set(id, [...earlier, at]);
  }
  const done = events.map(({ text }) => text.match(/^done (\S+)$/)?.[1]).filter(Boolean);
  assert.equal(new Set(done).size, done.length, 'no job is done twice');
  assert.equal(done.length, good + 1, 'no job is lost');
  for (let i = 1; i <= broken; i += 1)
    assert.equal(received.get(`broken-${i}`)?.length, maxReceiveCount, `broken-${i} is received ${maxReceiveCount} times, then never again`);

  const buried = new Set();
  await waitFor(async () => {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: dead, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }));
    for (const { Body } of Messages) buried.add(JSON.parse(Body).id);
    return buried.size === broken;
  }, 10_000, 'the bodies of the dead letters');
  await Promise.all(workers.map((worker) => worker.stop()));
  return `${done.length} jobs done once each by two workers, ${broken} dead letters after ${maxReceiveCount} receives`;
}
