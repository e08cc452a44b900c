// Queues: create, find, list, configure, tag, purge, delete. Rules: the SQS API reference and what AWS was recorded to answer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arn, attributes, call, counts, fails, nameOf, queue, receive, unusedName } from './client.mjs';

test('a queue is found by its name', async () => {
  const url = await queue();
  assert.equal((await call('GetQueueUrl', { QueueName: nameOf(url) })).QueueUrl, url);
  assert.match(url, /^http:\/\/(127\.0\.0\.1|localhost):\d+\/\d{12}\//);
});

test('creating a queue again with the same attributes answers the same url', async () => {
  const QueueName = unusedName();
  const first = await queue({ VisibilityTimeout: '45' }, { QueueName });
  assert.equal(await queue({ VisibilityTimeout: '45' }, { QueueName }), first);
  assert.equal(await queue({}, { QueueName }), first, 'attributes that are not given are not compared');
});

test('creating a queue again with another attribute names the attribute', async () => {
  const QueueName = unusedName();
  await queue({ VisibilityTimeout: '45' }, { QueueName });
  await fails(queue({ VisibilityTimeout: '46' }, { QueueName }), {
    name: 'QueueNameExists',
    message: 'A queue already exists with the same name and a different value for attribute VisibilityTimeout',
    status: 400,
  });
});

test('defaults are those of AWS', async () => {
  const all = await attributes(await queue());
  assert.equal(all.VisibilityTimeout, '30');
  assert.equal(all.DelaySeconds, '0');
  assert.equal(all.MessageRetentionPeriod, '345600');
  assert.equal(all.ReceiveMessageWaitTimeSeconds, '0');
  assert.equal(all.MaximumMessageSize, '1048576');
  assert.equal(all.ApproximateNumberOfMessages, '0');
  assert.match(all.QueueArn, /^arn:aws:sqs:[a-z0-9-]+:\d{12}:t-/);
  assert.ok(Math.abs(Number(all.CreatedTimestamp) - Date.now() / 1000) < 60, 'seconds, not milliseconds');
  assert.equal(all.FifoQueue, undefined, 'a standard queue does not say FifoQueue');
});

test('attributes are set, and read by name', async () => {
  const url = await queue();
  await call('SetQueueAttributes', { QueueUrl: url, Attributes: { VisibilityTimeout: '7', DelaySeconds: '3' } });
  assert.deepEqual(await attributes(url, 'VisibilityTimeout', 'DelaySeconds'), { VisibilityTimeout: '7', DelaySeconds: '3' });
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl: url });
  assert.equal(Attributes, undefined, 'no names, no attributes');
});

test('unknown attributes and values out of range are refused', async () => {
  const url = await queue();
  await fails(attributes(url, 'Nonsense'), { name: 'InvalidAttributeName', message: 'Unknown Attribute Nonsense.' });
  await fails(call('SetQueueAttributes', { QueueUrl: url, Attributes: { Nonsense: '1' } }), { name: 'InvalidAttributeName', message: 'Unknown Attribute Nonsense.' });
  await fails(call('SetQueueAttributes', { QueueUrl: url, Attributes: { VisibilityTimeout: '43201' } }), { name: 'InvalidAttributeValue' });
  await fails(call('SetQueueAttributes', { QueueUrl: url, Attributes: { DelaySeconds: 'soon' } }), { name: 'InvalidAttributeValue' });
  assert.equal((await attributes(url)).VisibilityTimeout, '30');
});

test('a missing queue has its own error', async () => {
  const missing = { name: 'QueueDoesNotExist', message: 'The specified queue does not exist.', status: 400 };
  const error = await fails(call('GetQueueUrl', { QueueName: unusedName() }), missing);
  assert.equal(error.Code, 'AWS.SimpleQueueService.NonExistentQueue', 'the code of the older protocol, for clients that look at it');
  const url = (await queue()).replace(/t-[^/]*$/, 'not-there');
  await fails(receive(url), missing);
  await fails(call('SendMessage', { QueueUrl: url, MessageBody: 'x' }), missing);
});

test('a queue is reached by its bare name instead of a url', async () => {
  const url = await queue();
  await call('SendMessage', { QueueUrl: nameOf(url), MessageBody: 'x' });
  assert.equal((await attributes(url)).ApproximateNumberOfMessages, '1');
});

test('names are checked', async () => {
  for (const QueueName of ['has space', 'a'.repeat(81), 'dot.ted', ''])
    await assert.rejects(call('CreateQueue', { QueueName }), /./, QueueName);
  await assert.rejects(call('CreateQueue', { QueueName: unusedName(), Attributes: { FifoQueue: 'true' } }), { name: 'InvalidParameterValue' });
  await assert.rejects(call('CreateQueue', { QueueName: unusedName('.fifo') }), { name: 'InvalidParameterValue' });
});

test('listing goes by prefix and in pages', async () => {
  const prefix = unusedName();
  const names = ['a', 'b', 'c'].map((letter) => `${prefix}-${letter}`);
  for (const QueueName of names) await queue({}, { QueueName });
  const { QueueUrls } = await call('ListQueues', { QueueNamePrefix: prefix });
  assert.deepEqual(QueueUrls.map(nameOf).sort(), names);
  const first = await call('ListQueues', { QueueNamePrefix: prefix, MaxResults: 2 });
  assert.equal(first.QueueUrls.length, 2);
  const second = await call('ListQueues', { QueueNamePrefix: prefix, MaxResults: 2, NextToken: first.NextToken });
  assert.deepEqual([...first.QueueUrls, ...second.QueueUrls].map(nameOf).sort(), names);
  assert.equal(second.NextToken, undefined);
  assert.equal((await call('ListQueues', { QueueNamePrefix: unusedName() })).QueueUrls, undefined, 'an empty list is left out');
});

test('tags are kept, replaced and removed', async () => {
  const url = await queue({}, { tags: { team: 'blue', stage: 'test' } });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl: url })).Tags, { team: 'blue', stage: 'test' });
  await call('TagQueue', { QueueUrl: url, Tags: { team: 'red', extra: '1' } });
  await call('UntagQueue', { QueueUrl: url, TagKeys: ['stage', 'never-there'] });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl: url })).Tags, { team: 'red', extra: '1' });
});

test('a purge empties the queue, in flight included', async () => {
  const url = await queue();
  for (const MessageBody of ['a', 'b', 'c']) await call('SendMessage', { QueueUrl: url, MessageBody });
  await receive(url, { MaxNumberOfMessages: 1 });
  await call('PurgeQueue', { QueueUrl: url });
  assert.deepEqual(await counts(url), [0, 0, 0]);
  assert.deepEqual(await receive(url), []);
});

test('a deleted queue is gone, and its name may be used again', async () => {
  const url = await queue();
  await call('SendMessage', { QueueUrl: url, MessageBody: 'old' });
  await call('DeleteQueue', { QueueUrl: url });
  await fails(attributes(url), { name: 'QueueDoesNotExist' });
  const again = await queue({}, { QueueName: nameOf(url) });
  assert.deepEqual(await receive(again), [], 'nothing of the old queue comes back');
});

test('dead-letter sources are listed', async () => {
  const dead = await queue();
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn: await arn(dead), maxReceiveCount: 2 });
  const source = await queue({ RedrivePolicy });
  assert.deepEqual((await call('ListDeadLetterSourceQueues', { QueueUrl: dead })).queueUrls, [source]);
  assert.deepEqual(JSON.parse((await attributes(source, 'RedrivePolicy')).RedrivePolicy), JSON.parse(RedrivePolicy));
  await call('SetQueueAttributes', { QueueUrl: source, Attributes: { RedrivePolicy: '' } });
  assert.deepEqual((await call('ListDeadLetterSourceQueues', { QueueUrl: dead })).queueUrls, []);
});
