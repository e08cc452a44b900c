// What a queue remembers goes on after the broker was killed: deadlines, counts, delays, deduplication, move tasks.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-sqs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';

let broker;
let folder;
before(async () => {
  folder = temporaryFolder('sqs-restart');
  broker = await startBroker({ data: `${folder.folder}/data` });
});
after(async () => {
  await broker.stop();
  folder.remove();
});

// A client of its own for each call: no connection outlives the broker that it was made to.
async function call(action, input) {
  const client = new sdk.SQSClient({ endpoint: broker.env.AWS_ENDPOINT_URL, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  try {
    return await client.send(new sdk[`${action}Command`](input));
  } finally {
    client.destroy();
  }
}
const create = async (QueueName, Attributes) => (await call('CreateQueue', { QueueName, Attributes })).QueueUrl;
const attributes = async (QueueUrl) => (await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] })).Attributes;
async function killed() {
  await broker.kill();
  await broker.start();
}

test('SqsKilled.DeadlinesCountsDelaysAndDeduplicationGoOn', async () => {
  const QueueUrl = await create('jobs');
  const fifo = await create('jobs.fifo', { FifoQueue: 'true', ContentBasedDeduplication: 'true' });
  const once = { QueueUrl: fifo, MessageBody: 'once', MessageGroupId: 'g' };
  const { MessageId } = await call('SendMessage', once);
  const { Messages: [got] } = await call('ReceiveMessage', { QueueUrl: fifo });
  await call('DeleteMessage', { QueueUrl: fifo, ReceiptHandle: got.ReceiptHandle });
  await call('SendMessage', { QueueUrl, MessageBody: 'leased' });
  const leasedAt = Date.now();
  await call('ReceiveMessage', { QueueUrl, VisibilityTimeout: 4 });
  await call('SendMessage', { QueueUrl, MessageBody: 'delayed', DelaySeconds: 5 });

  await killed();

  assert.equal((await call('SendMessage', once)).MessageId, MessageId, 'a duplicate still, though the first was deleted');
  assert.equal((await attributes(fifo)).ApproximateNumberOfMessages, '0');
  const counts = await attributes(QueueUrl);
  assert.equal(counts.ApproximateNumberOfMessagesNotVisible, '1');
  assert.equal(counts.ApproximateNumberOfMessagesDelayed, '1');
  const came = {};
  while (Object.keys(came).length < 2) {
    const { Messages = [] } = await call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20, MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
    assert.equal(Messages.length, 1);
    came[Messages[0].Body] = { after: Date.now() - leasedAt, count: Messages[0].Attributes.ApproximateReceiveCount };
  }
  assert.equal(came.leased.count, '2');
  assert.equal(came.delayed.count, '1');
  assert.ok(came.leased.after >= 3990, `the lease ended after ${came.leased.after} ms`);
  assert.ok(came.delayed.after >= 4990, `the delay ended after ${came.delayed.after} ms`);
});

test('SqsKilled.AMoveTaskGoesOnWithoutLossOrRepetition', async () => {
  const dead = await create('dead');
  const DestinationArn = (await attributes(await create('again'))).QueueArn;
  const { QueueArn: SourceArn } = await attributes(dead);
  await create('work', { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: SourceArn, maxReceiveCount: 1 }) });
  const all = Array.from({ length: 60 }, (_, i) => `m${i}`);
  for (let i = 0; i < all.length; i += 10)
    await call('SendMessageBatch', { QueueUrl: dead, Entries: all.slice(i, i + 10).map((body) => ({ Id: body, MessageBody: body })) });
  await call('StartMessageMoveTask', { SourceArn, DestinationArn, MaxNumberOfMessagesPerSecond: 30 });
  const task = async () => (await call('ListMessageMoveTasks', { SourceArn })).Results[0];
  while ((await task()).ApproximateNumberOfMessagesMoved < 6) assert.equal((await task()).Status, 'RUNNING');

  await killed();

  const { Status, ApproximateNumberOfMessagesMoved } = await task();
  assert.equal(Status, 'RUNNING');
  assert.ok(ApproximateNumberOfMessagesMoved >= 6);
  const moved = [];
  while (moved.length < all.length) {
    const { Messages = [] } = await call('ReceiveMessage', { QueueUrl: dead.replace(/dead$/, 'again'), WaitTimeSeconds: 20, MaxNumberOfMessages: 10, VisibilityTimeout: 600 });
    assert.notEqual(Messages.length, 0, `only ${moved.length} came`);
    moved.push(...Messages.map(({ Body }) => Body));
  }
  assert.deepEqual(moved.sort(), all.sort());
  while ((await task()).Status === 'RUNNING');
  assert.equal((await task()).Status, 'COMPLETED');
  assert.equal((await task()).ApproximateNumberOfMessagesMoved, 60);
  assert.equal((await attributes(dead)).ApproximateNumberOfMessages, '0');
});
