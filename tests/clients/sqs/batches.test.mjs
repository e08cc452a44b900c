// Batches: partial success, and the mistakes that fail the whole call.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bodies, call, counts, fails, queue, receive, receiveAll } from './client.mjs';

const sendBatch = (QueueUrl, Entries) => call('SendMessageBatch', { QueueUrl, Entries });
const entries = (count) => Array.from({ length: count }, (_, i) => ({ Id: `e${i}`, MessageBody: `body ${i}` }));

test('ten messages are sent, received, extended and deleted in one request each', async () => {
  const url = await queue();
  const { Successful, Failed } = await sendBatch(url, entries(10));
  assert.deepEqual(Failed ?? [], []);
  assert.deepEqual(Successful.map(({ Id }) => Id), entries(10).map(({ Id }) => Id));
  const messages = await receiveAll(url, 10);
  assert.deepEqual(new Set(messages.map(({ MessageId }) => MessageId)), new Set(Successful.map(({ MessageId }) => MessageId)));
  const handles = messages.map(({ ReceiptHandle }, i) => ({ Id: `h${i}`, ReceiptHandle }));
  const extended = await call('ChangeMessageVisibilityBatch', { QueueUrl: url, Entries: handles.map((entry) => ({ ...entry, VisibilityTimeout: 60 })) });
  assert.equal(extended.Successful.length, 10);
  const deleted = await call('DeleteMessageBatch', { QueueUrl: url, Entries: handles });
  assert.equal(deleted.Successful.length, 10);
  assert.deepEqual(await counts(url), [0, 0, 0]);
});

test('an entry that cannot be stored fails alone', async () => {
  const url = await queue({ MaximumMessageSize: '1024' });
  const { Successful, Failed } = await sendBatch(url, [
    { Id: 'good', MessageBody: 'fine' },
    { Id: 'long', MessageBody: 'a'.repeat(1025) },
    { Id: 'bell', MessageBody: '\u0007' },
  ]);
  assert.deepEqual(Successful.map(({ Id }) => Id), ['good']);
  assert.deepEqual(Failed.map(({ Id }) => Id).sort(), ['bell', 'long']);
  const long = Failed.find(({ Id }) => Id === 'long');
  assert.equal(long.Code, 'InvalidParameterValue');
  assert.equal(long.SenderFault, true);
  assert.deepEqual(bodies(await receive(url)), ['fine']);
});

test('a bad handle fails alone', async () => {
  const url = await queue();
  await sendBatch(url, entries(1));
  const [{ ReceiptHandle }] = await receiveAll(url, 1);
  const { Successful, Failed } = await call('DeleteMessageBatch', { QueueUrl: url, Entries: [{ Id: 'good', ReceiptHandle }, { Id: 'bad', ReceiptHandle: 'garbage' }] });
  assert.deepEqual(Successful.map(({ Id }) => Id), ['good']);
  assert.deepEqual(Failed.map(({ Id, Code }) => [Id, Code]), [['bad', 'ReceiptHandleIsInvalid']]);
});

test('mistakes of the batch itself fail the whole call', async () => {
  const url = await queue();
  await fails(sendBatch(url, []), { name: 'EmptyBatchRequest', message: 'There should be at least one SendMessageBatchRequestEntry in the request.' });
  await fails(sendBatch(url, entries(11)), { name: 'TooManyEntriesInBatchRequest', message: 'Maximum number of entries per request are 10. You have sent 11.' });
  await fails(sendBatch(url, [{ Id: 'a', MessageBody: '1' }, { Id: 'a', MessageBody: '2' }]), { name: 'BatchEntryIdsNotDistinct' });
  await fails(sendBatch(url, [{ Id: 'not valid!', MessageBody: '1' }]), { name: 'InvalidBatchEntryId', message: 'A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.' });
  await fails(sendBatch(url, entries(10).map(({ Id }) => ({ Id, MessageBody: 'm'.repeat(120_000) }))), { name: 'BatchRequestTooLong' });
  assert.deepEqual(await counts(url), [0, 0, 0], 'nothing of them was stored');
});
