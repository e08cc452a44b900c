// FIFO queues: order within a group, one group in flight, deduplication, dead letters.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attributes, bodies, call, counts, fails, queue, receive, receiveAll } from './client.mjs';

const fifo = (more = {}) => queue({ ContentBasedDeduplication: 'true', ...more }, { fifo: true });
const send = (QueueUrl, MessageBody, MessageGroupId = 'g', more = {}) => call('SendMessage', { QueueUrl, MessageBody, MessageGroupId, ...more });
const remove = (QueueUrl, { ReceiptHandle }) => call('DeleteMessage', { QueueUrl, ReceiptHandle });

test('a group keeps its order, and sequence numbers grow', async () => {
  const url = await fifo();
  const sent = [];
  for (const body of ['1', '2', '3', '4', '5']) sent.push(await send(url, body));
  const numbers = sent.map(({ SequenceNumber }) => BigInt(SequenceNumber));
  assert.ok(numbers.every((number, i) => i === 0 || number > numbers[i - 1]));
  const messages = await receive(url);
  assert.deepEqual(bodies(messages), ['1', '2', '3', '4', '5']);
  assert.equal(messages[0].Attributes.MessageGroupId, 'g');
  assert.equal(messages[0].Attributes.SequenceNumber, sent[0].SequenceNumber);
  assert.ok(messages[0].Attributes.MessageDeduplicationId);
});

test('a group with a message in flight is closed; others are not', async () => {
  const url = await fifo();
  await send(url, 'a1', 'a');
  await send(url, 'a2', 'a');
  await send(url, 'b1', 'b');
  const [first] = await receive(url, { MaxNumberOfMessages: 1 });
  assert.equal(first.Body, 'a1');
  assert.deepEqual(bodies(await receive(url)), ['b1']);
  await send(url, 'a3', 'a');
  assert.deepEqual(await receive(url), [], 'sending to a closed group does not open it');
  await remove(url, first);
  assert.deepEqual(bodies(await receive(url)), ['a2', 'a3']);
});

test('a receive is filled from one group before the next', async () => {
  const url = await fifo();
  for (const [body, group] of [['a1', 'a'], ['b1', 'b'], ['a2', 'a'], ['b2', 'b'], ['a3', 'a']]) await send(url, body, group);
  assert.deepEqual(bodies(await receive(url)), ['a1', 'a2', 'a3', 'b1', 'b2']);
});

test('a partly deleted batch keeps its group closed, and what is released comes in order', async () => {
  const url = await fifo();
  for (const body of ['1', '2', '3']) await send(url, body);
  const [one, two, three] = await receive(url);
  await remove(url, one);
  assert.deepEqual(await receive(url), []);
  for (const { ReceiptHandle } of [two, three]) await call('ChangeMessageVisibility', { QueueUrl: url, ReceiptHandle, VisibilityTimeout: 0 });
  assert.deepEqual(bodies(await receive(url)), ['2', '3']);
});

test('receives without a lease keep the order', async () => {
  const url = await fifo();
  for (const body of ['1', '2', '3']) await send(url, body);
  for (let i = 0; i < 3; i += 1) assert.deepEqual(bodies(await receive(url, { VisibilityTimeout: 0 })), ['1', '2', '3']);
});

test('a group reopens in order when the lease runs out', async () => {
  const url = await fifo();
  for (const body of ['1', '2']) await send(url, body);
  await receive(url, { VisibilityTimeout: 1, MaxNumberOfMessages: 1 });
  assert.deepEqual(bodies(await receiveAll(url, 2, { WaitTimeSeconds: 3 })), ['1', '2']);
});

test('a repeated deduplication id stores nothing and answers the first message', async () => {
  const url = await queue({}, { fifo: true });
  const first = await send(url, 'x', 'g', { MessageDeduplicationId: 'd1' });
  const second = await send(url, 'other body', 'g', { MessageDeduplicationId: 'd1' });
  assert.equal(second.MessageId, first.MessageId);
  assert.equal(second.SequenceNumber, first.SequenceNumber);
  assert.notEqual(second.MD5OfMessageBody, first.MD5OfMessageBody, 'the digest is of what this request carried');
  const [message] = await receiveAll(url, 1);
  await remove(url, message);
  await send(url, 'x', 'g', { MessageDeduplicationId: 'd1' });
  assert.deepEqual(await counts(url), [0, 0, 0], 'deleting does not end the five minutes');
});

test('content-based deduplication goes by the body alone', async () => {
  const url = await fifo();
  await send(url, 'same', 'g', { MessageAttributes: { n: { DataType: 'Number', StringValue: '1' } } });
  await send(url, 'same', 'g', { MessageAttributes: { n: { DataType: 'Number', StringValue: '2' } } });
  await send(url, 'other');
  assert.deepEqual(bodies(await receive(url)), ['same', 'other']);
});

test('a FIFO queue asks for a group and a deduplication id', async () => {
  const url = await queue({}, { fifo: true });
  await fails(call('SendMessage', { QueueUrl: url, MessageBody: 'x', MessageDeduplicationId: 'd' }), { name: 'MissingParameter', message: 'The request must contain the parameter MessageGroupId.' });
  await fails(send(url, 'x'), { name: 'InvalidParameterValue', message: 'The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly' });
  assert.equal((await attributes(url)).FifoQueue, 'true');
});

test('a FIFO queue takes no delay per message', async () => {
  const url = await fifo();
  await assert.rejects(send(url, 'x', 'g', { DelaySeconds: 5 }), { name: 'InvalidParameterValue' });
  await send(url, 'x', 'g', { DelaySeconds: 0 });
});

test('a FIFO delete with an expired handle is refused', async () => {
  const url = await fifo();
  await send(url, 'x');
  const [message] = await receive(url, { VisibilityTimeout: 1 });
  await receiveAll(url, 1, { WaitTimeSeconds: 3 });
  await fails(remove(url, message), { name: 'InvalidParameterValue', message: /The receipt handle has expired/ });
});

test('a poisoned FIFO message goes to the FIFO dead-letter queue and its group goes on', async () => {
  const dead = await queue({}, { fifo: true });
  const { QueueArn } = await attributes(dead, 'QueueArn');
  const url = await fifo({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: 1 }) });
  await send(url, 'poison');
  await send(url, 'after');
  assert.deepEqual(bodies(await receive(url, { MaxNumberOfMessages: 1, VisibilityTimeout: 0 })), ['poison']);
  assert.deepEqual(bodies(await receiveAll(url, 1)), ['after']);
  assert.deepEqual(bodies(await receiveAll(dead, 1)), ['poison']);
});

test('a batch keeps its order, and a missing group fails it whole', async () => {
  const url = await fifo();
  const Entries = Array.from({ length: 10 }, (_, i) => ({ Id: `e${i}`, MessageBody: `b${i}`, MessageGroupId: 'g' }));
  const { Successful } = await call('SendMessageBatch', { QueueUrl: url, Entries });
  assert.ok(Successful.every(({ SequenceNumber }) => SequenceNumber));
  assert.deepEqual(bodies(await receive(url)), Entries.map(({ MessageBody }) => MessageBody));
  await fails(call('SendMessageBatch', { QueueUrl: url, Entries: [{ Id: 'a', MessageBody: 'x' }] }), { name: 'InvalidParameterValue', message: 'The request must contain the parameter MessageGroupId.' });
});
