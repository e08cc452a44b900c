// Bridges as an application meets them: SQS at one end, a topic at the other.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../support/programs.mjs';
import { json, run, unused, weir } from '../cli/weir.mjs';
import { sqs } from '../support/sqs_http.mjs';

const skip = !process.env.AWS_ENDPOINT_URL && 'without SQS';

const receive = async (QueueUrl, more = {}) =>
  (await sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5, AttributeNames: ['All'], ...more })).Messages ?? [];
const events = async (topic) => (await json(['tail', topic])).map(({ value }) => JSON.parse(value));

test('orders become work by a path into them, and their group is their customer', { skip }, async () => {
  const [topic, queue, bridge] = ['orders', 'ship', 'bridge'].map(unused);
  const fifo = `${queue}.fifo`;
  await run(['topic', 'create', topic]);
  await sqs('CreateQueue', { QueueName: fifo, Attributes: { FifoQueue: 'true' } });
  await run(['bridge', 'create', bridge, '--from', `topic:${topic}`, '--to', `queue:${fifo}`,
    '--filter', '$.status=paid && $.total>=10', '--group', '$.customer', '--deduplication', '$.id']);
  const orders = [
    { id: 1, customer: 'ann', status: 'paid', total: 10 }, { id: 1, customer: 'ann', status: 'paid', total: 10 },
    { id: 2, customer: 'bob', status: 'open', total: 99 }, { id: 3, customer: 'bob', status: 'paid', total: 12.5 },
  ];
  await run(['produce', topic], { input: orders.map((order) => `${JSON.stringify(order)}\n`).join('') });
  const url = (await sqs('GetQueueUrl', { QueueName: fifo })).QueueUrl;
  const got = new Map();
  await waitFor(async () => {
    for (const { Body, Attributes } of await receive(url)) got.set(JSON.parse(Body).id, Attributes.MessageGroupId);
    return got.size === 2;
  }, 20_000, 'both paid orders have come');
  assert.deepEqual([...got], [[1, 'ann'], [3, 'bob']]);
  const [shown] = await json(['bridge', 'describe', bridge]);
  assert.deepEqual([shown.passed_over, shown.lag, shown.state], [1, 0, 'running']);
  await run(['bridge', 'seek', bridge, '--to', 'latest']);
  const refused = await weir(['bridge', 'seek', bridge, '--to', '0:99']);
  assert.deepEqual([refused.status, refused.err], [1, `weir: partition 0 of ${topic} has no offset 99\n`]);
  await run(['bridge', 'rm', bridge]);
});

test('a sought bridge moves again what lies from a time on', { skip }, async () => {
  const [topic, copy, bridge] = ['from', 'copy', 'bridge'].map(unused);
  await run(['topic', 'create', topic]);
  await run(['topic', 'create', copy]);
  await run(['bridge', 'create', bridge, '--from', `topic:${topic}`, '--to', `topic:${copy}`]);
  await run(['produce', topic, 'early']);
  await waitFor(async () => (await json(['tail', copy])).length === 1, 10_000, 'the first has come');
  await run(['produce', topic, 'late']);
  const [, late] = await json(['tail', topic]);
  const time = late.timestamp_ms;
  const [early] = await json(['tail', topic]);
  const wanted = early.timestamp_ms === time ? 2 : 1;
  await waitFor(async () => (await json(['tail', copy])).length === 2, 10_000, 'both have come');
  await run(['bridge', 'seek', bridge, '--to', String(time)]);
  await waitFor(async () => (await json(['tail', copy])).length === 2 + wanted, 10_000, 'the late one came again');
  await run(['bridge', 'rm', bridge]);
});

test('dead letters are recorded, go back to their source, and the audit tells both', { skip }, async () => {
  const [queue, dead, audit] = ['jobs', 'dead', 'audit'].map(unused);
  await run(['queue', 'create', dead]);
  await run(['queue', 'create', queue, '--max-receives', '1', '--dead-letter', dead]);
  await run(['topic', 'create', audit]);
  for (const on of ['ack', 'dead-letter']) {
    await run(['bridge', 'create', `${queue}-${on}`, '--from', `queue:${queue}`, '--on', on, '--to', `topic:${audit}`]);
  }
  await run(['produce', queue, 'poison']);
  const url = (await sqs('GetQueueUrl', { QueueName: queue })).QueueUrl;
  assert.equal((await receive(url, { VisibilityTimeout: 0 })).length, 1);
  assert.deepEqual(await receive(url, { WaitTimeSeconds: 0 }), []);
  await run(['bridge', 'create', `${queue}-again`, '--from', `queue:${dead}`, '--on', 'message', '--to', `queue:${queue}`]);
  const [back] = await receive(url);
  assert.deepEqual([back.Body, back.Attributes.ApproximateReceiveCount], ['poison', '1']);
  await sqs('DeleteMessage', { QueueUrl: url, ReceiptHandle: back.ReceiptHandle });
  const told = await events(audit);
  assert.deepEqual(told.map(({ type, data }) => [type, data.deliveries]), [['weir.message.dead-lettered', 1], ['weir.message.acknowledged', 1]]);
  assert.ok(told[1].data.held_ms >= 0 && told[1].data.since_first_delivery_ms >= told[1].data.held_ms);
  const metrics = await (await fetch(`${process.env.WEIR_URL}/metrics`)).text();
  assert.match(metrics, new RegExp(`^weir_bridge_moved\\{bridge="${queue}-again"\\} 1$`, 'm'));
  for (const what of ['ack', 'dead-letter', 'again']) await run(['bridge', 'rm', `${queue}-${what}`]);
});
