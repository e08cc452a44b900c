// Messages of a standard queue: send, receive, leases, delay, delete. The SDK itself checks every MD5 that comes back.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { attributes, bodies, call, counts, fails, queue, receive, receiveAll } from './client.mjs';

const send = (QueueUrl, MessageBody, more = {}) => call('SendMessage', { QueueUrl, MessageBody, ...more });
const changeVisibility = (QueueUrl, { ReceiptHandle }, VisibilityTimeout) => call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle, VisibilityTimeout });
const remove = (QueueUrl, { ReceiptHandle }) => call('DeleteMessage', { QueueUrl, ReceiptHandle });

test('a message comes as it was sent, with its system attributes', async () => {
  const url = await queue();
  const body = 'grüße, \u4e16\u754c "quoted" \\ \n\t\u{1F600}';
  const sent = await send(url, body);
  assert.equal(sent.MD5OfMessageBody, createHash('md5').update(body).digest('hex'));
  const [message] = await receive(url);
  assert.equal(message.Body, body);
  assert.equal(message.MessageId, sent.MessageId);
  assert.equal(message.MD5OfBody, sent.MD5OfMessageBody);
  assert.equal(message.Attributes.ApproximateReceiveCount, '1');
  assert.ok(Math.abs(Number(message.Attributes.SentTimestamp) - Date.now()) < 60_000);
  assert.ok(Number(message.Attributes.ApproximateFirstReceiveTimestamp) >= Number(message.Attributes.SentTimestamp));
  assert.ok(message.Attributes.SenderId);
});

test('message attributes of every type come back, filtered by name', async () => {
  const url = await queue();
  const MessageAttributes = {
    text: { DataType: 'String', StringValue: 'é' },
    'trace.id': { DataType: 'String.custom', StringValue: 'abc' },
    number: { DataType: 'Number', StringValue: '42.5' },
    bytes: { DataType: 'Binary', BinaryValue: Uint8Array.from([0, 1, 254, 255]) },
  };
  const sent = await send(url, 'x', { MessageAttributes });
  assert.match(sent.MD5OfMessageAttributes, /^[0-9a-f]{32}$/);
  const [all] = await receive(url, { VisibilityTimeout: 0 });
  assert.deepEqual(Object.keys(all.MessageAttributes).sort(), Object.keys(MessageAttributes).sort());
  assert.equal(all.MessageAttributes.text.StringValue, 'é');
  assert.deepEqual([...all.MessageAttributes.bytes.BinaryValue], [0, 1, 254, 255]);
  assert.equal(all.MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  const [some] = await receive(url, { MessageAttributeNames: ['trace.*', 'number'], VisibilityTimeout: 0 });
  assert.deepEqual(Object.keys(some.MessageAttributes).sort(), ['number', 'trace.id']);
  const [none] = await receive(url, { MessageAttributeNames: [], MessageSystemAttributeNames: [] });
  assert.equal(none.MessageAttributes, undefined);
  assert.equal(none.Attributes, undefined);
});

test('a received message is hidden until its visibility timeout ends, then counts another receive', async () => {
  const url = await queue();
  await send(url, 'x');
  const began = Date.now();
  const [first] = await receive(url, { VisibilityTimeout: 1 });
  assert.deepEqual(await counts(url), [0, 1, 0]);
  assert.deepEqual(await receive(url), []);
  const [second] = await receive(url, { WaitTimeSeconds: 5 });
  assert.ok(Date.now() - began >= 950, 'not before the second was over');
  assert.equal(second.MessageId, first.MessageId);
  assert.notEqual(second.ReceiptHandle, first.ReceiptHandle, 'each receive has a handle of its own');
  assert.equal(second.Attributes.ApproximateReceiveCount, '2');
  assert.equal(second.Attributes.ApproximateFirstReceiveTimestamp, first.Attributes.ApproximateFirstReceiveTimestamp);
});

test('a long poll wakes as soon as a message is sent', async () => {
  const url = await queue();
  const poll = receive(url, { WaitTimeSeconds: 20 });
  const other = await queue();  // a round trip, so that the poll waits
  await send(other, 'elsewhere');
  const sent = Date.now();
  await send(url, 'now');
  assert.deepEqual(bodies(await poll), ['now']);
  assert.ok(Date.now() - sent < 2000);
});

test('a long poll wakes when a message is released, and when a delay ends', async () => {
  const url = await queue();
  await send(url, 'released');
  const [message] = await receive(url);
  const poll = receive(url, { WaitTimeSeconds: 20 });
  await attributes(url);
  await changeVisibility(url, message, 0);
  assert.deepEqual(bodies(await poll), ['released']);
  const delayed = await queue();
  const sent = Date.now();
  await send(delayed, 'later', { DelaySeconds: 1 });
  assert.deepEqual(await counts(delayed), [0, 0, 1]);
  assert.deepEqual(bodies(await receive(delayed, { WaitTimeSeconds: 10 })), ['later']);
  assert.ok(Date.now() - sent >= 950);
});

test('an empty long poll ends after its wait', async () => {
  const began = Date.now();
  assert.deepEqual(await receive(await queue(), { WaitTimeSeconds: 1 }), []);
  const waited = Date.now() - began;
  assert.ok(waited >= 950 && waited < 5000, `${waited} ms`);
});

test('a queue\'s own wait and delay hold for requests that name none', async () => {
  const url = await queue({ ReceiveMessageWaitTimeSeconds: '10', DelaySeconds: '1' });
  await send(url, 'x');
  assert.deepEqual(await counts(url), [0, 0, 1]);
  assert.deepEqual(bodies(await receive(url)), ['x']);
  await send(url, 'at once', { DelaySeconds: 0 });
  assert.deepEqual(bodies(await receive(url, { WaitTimeSeconds: 0 })), ['at once']);
});

test('a deleted message does not come back, and deleting it twice is no error', async () => {
  const url = await queue();
  await send(url, 'x');
  const [message] = await receive(url, { VisibilityTimeout: 1 });
  await remove(url, message);
  await remove(url, message);
  assert.deepEqual(await receive(url, { WaitTimeSeconds: 2 }), []);
  assert.deepEqual(await counts(url), [0, 0, 0]);
});

test('a standard queue deletes by an older handle', async () => {
  const url = await queue();
  await send(url, 'x');
  const [first] = await receive(url, { VisibilityTimeout: 0 });
  await receive(url, { VisibilityTimeout: 30 });
  await remove(url, first);
  assert.deepEqual(await counts(url), [0, 0, 0]);
});

test('a lease is extended, shortened and given back', async () => {
  const url = await queue();
  await send(url, 'x');
  const [message] = await receive(url, { VisibilityTimeout: 1 });
  await changeVisibility(url, message, 30);
  assert.deepEqual(await receive(url, { WaitTimeSeconds: 2 }), [], 'still hidden after the first timeout');
  await changeVisibility(url, message, 0);
  assert.equal((await receive(url)).length, 1);
  await remove(url, message);
  await fails(changeVisibility(url, message, 10), { name: 'InvalidParameterValue', message: /Message does not exist or is not available for visibility timeout change/ });
});

test('a handle that is none is refused', async () => {
  const url = await queue();
  await fails(remove(url, { ReceiptHandle: 'garbage' }), {
    name: 'ReceiptHandleIsInvalid',
    message: 'The input receipt handle "garbage" is not a valid receipt handle.',
    status: 404,
  });
  await fails(changeVisibility(url, { ReceiptHandle: 'garbage' }, 1), { name: 'ReceiptHandleIsInvalid' });
});

test('limits of a receive are named in the error', async () => {
  const url = await queue();
  await fails(receive(url, { MaxNumberOfMessages: 11 }), { name: 'InvalidParameterValue', message: 'Value 11 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and 10, if provided.' });
  await fails(receive(url, { WaitTimeSeconds: 21 }), { name: 'InvalidParameterValue', message: 'Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if provided.' });
});

test('bodies are checked for size and characters', async () => {
  const url = await queue({ MaximumMessageSize: '1024' });
  await fails(send(url, 'a'.repeat(1025)), { name: 'InvalidParameterValue', message: 'One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes.' });
  await send(url, 'a'.repeat(1024));
  await fails(send(url, 'bell \u0007'), { name: 'InvalidMessageContents' });
  await assert.rejects(send(url, ''));
});

test('a message of one mebibyte passes', async () => {
  const url = await queue();
  const body = 'm'.repeat(1024 * 1024);
  await send(url, body);
  const [message] = await receive(url);
  assert.equal(message.Body.length, body.length);
});

test('after maxReceiveCount receives a message is in the dead-letter queue', async () => {
  const dead = await queue();
  const { QueueArn } = await attributes(dead, 'QueueArn');
  const url = await queue({ RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: '2' }) });
  const sent = await send(url, 'poison', { MessageAttributes: { why: { DataType: 'String', StringValue: 'test' } } });
  for (const expected of ['1', '2']) {
    const [message] = await receive(url, { VisibilityTimeout: 0 });
    assert.equal(message.Attributes.ApproximateReceiveCount, expected);
  }
  assert.deepEqual(await receive(url), []);
  const [message] = await receiveAll(dead, 1);
  assert.equal(message.Body, 'poison');
  assert.equal(message.MessageId, sent.MessageId, 'it keeps its id');
  assert.equal(message.MessageAttributes.why.StringValue, 'test');
  assert.match(message.Attributes.DeadLetterQueueSourceArn, /^arn:aws:sqs:/);
  assert.deepEqual(await counts(url), [0, 0, 0]);
});
