// The Query protocol, judged by the last SDK that spoke it, and by requests written by hand.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import * as old from 'client-sqs-query';
import { queue, unusedName } from './client.mjs';

const sqs = new old.SQSClient({ maxAttempts: 1 });
const call = (action, input = {}) => sqs.send(new old[`${action}Command`](input));
const all = { AttributeNames: ['All'], MessageAttributeNames: ['All'], MaxNumberOfMessages: 10 };

async function made(Attributes = {}, fifo = false) {
  const QueueName = unusedName(fifo ? '.fifo' : '');
  return (await call('CreateQueue', { QueueName, Attributes: { ...(fifo && { FifoQueue: 'true' }), ...Attributes } })).QueueUrl;
}

test('queues: attributes, tags, listings and their end', async () => {
  const QueueUrl = await made({ DelaySeconds: '1', VisibilityTimeout: '7' });
  await call('SetQueueAttributes', { QueueUrl, Attributes: { DelaySeconds: '0' } });
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['DelaySeconds', 'VisibilityTimeout'] });
  assert.deepEqual(Attributes, { DelaySeconds: '0', VisibilityTimeout: '7' });
  await call('TagQueue', { QueueUrl, Tags: { team: 'blue', '<&>': 'é' } });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl })).Tags, { team: 'blue', '<&>': 'é' });
  await call('UntagQueue', { QueueUrl, TagKeys: ['team'] });
  assert.deepEqual((await call('ListQueueTags', { QueueUrl })).Tags, { '<&>': 'é' });
  const QueueName = QueueUrl.split('/').at(-1);
  assert.deepEqual((await call('ListQueues', { QueueNamePrefix: QueueName })).QueueUrls, [QueueUrl]);
  assert.equal((await call('GetQueueUrl', { QueueName })).QueueUrl, QueueUrl);
  await call('DeleteQueue', { QueueUrl });
  await assert.rejects(call('GetQueueUrl', { QueueName }), { name: 'QueueDoesNotExist' });
});

test('messages: whatever XML has to escape comes back as it was sent', async () => {
  const QueueUrl = await made();
  const MessageBody = 'a & <b> "c" \'d\'\r\n\t é 😀 ]]>';
  const MessageAttributes = {
    text: { DataType: 'String', StringValue: '<é>\r' },
    number: { DataType: 'Number.int', StringValue: '7' },
    bytes: { DataType: 'Binary', BinaryValue: Uint8Array.of(0, 255, 13, 10) },
  };
  const sent = await call('SendMessage', { QueueUrl, MessageBody, MessageAttributes });
  assert.equal(sent.MD5OfMessageBody, createHash('md5').update(MessageBody).digest('hex'));
  const { Messages } = await call('ReceiveMessage', { QueueUrl, ...all });
  assert.equal(Messages[0].Body, MessageBody);
  assert.equal(Messages[0].MessageId, sent.MessageId);
  assert.equal(Messages[0].MD5OfMessageAttributes, sent.MD5OfMessageAttributes);
  assert.equal(Messages[0].MessageAttributes.text.StringValue, '<é>\r');
  assert.equal(Messages[0].MessageAttributes.number.DataType, 'Number.int');
  assert.deepEqual([...Messages[0].MessageAttributes.bytes.BinaryValue], [0, 255, 13, 10]);
  assert.equal(Messages[0].Attributes.ApproximateReceiveCount, '1');
  await call('ChangeMessageVisibility', { QueueUrl, ReceiptHandle: Messages[0].ReceiptHandle, VisibilityTimeout: 0 });
  const again = await call('ReceiveMessage', { QueueUrl, ...all });
  await call('DeleteMessage', { QueueUrl, ReceiptHandle: again.Messages[0].ReceiptHandle });
  assert.equal((await call('ReceiveMessage', { QueueUrl, ...all })).Messages, undefined);
});

test('batches: what succeeded and what failed', async () => {
  const QueueUrl = await made({}, true);
  const entry = (Id, MessageBody) => ({ Id, MessageBody, MessageGroupId: 'g', MessageDeduplicationId: Id });
  const sent = await call('SendMessageBatch', { QueueUrl, Entries: [entry('a', 'one'), entry('b', '\u0001'), entry('c', 'three')] });
  assert.deepEqual(sent.Successful.map(({ Id }) => Id), ['a', 'c']);
  assert.ok(sent.Successful.every(({ SequenceNumber }) => SequenceNumber.length === 20));
  assert.deepEqual(sent.Failed.map(({ Id, Code, SenderFault }) => [Id, Code, SenderFault]), [['b', 'InvalidMessageContents', true]]);
  const { Messages } = await call('ReceiveMessage', { QueueUrl, ...all });
  const Entries = Messages.map(({ ReceiptHandle }, index) => ({ Id: `${index}`, ReceiptHandle, VisibilityTimeout: 60 }));
  assert.equal((await call('ChangeMessageVisibilityBatch', { QueueUrl, Entries })).Successful.length, 2);
  const deleted = await call('DeleteMessageBatch', { QueueUrl, Entries: Entries.map(({ Id, ReceiptHandle }) => ({ Id, ReceiptHandle })) });
  assert.deepEqual(deleted.Successful.map(({ Id }) => Id), ['0', '1']);
});

test('a long poll wakes when the JSON protocol sends', async () => {
  const QueueUrl = await made();
  const waiting = call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 20 });
  const { call: json } = await import('./client.mjs');
  await json('SendMessage', { QueueUrl, MessageBody: 'hello' });
  assert.equal((await waiting).Messages[0].Body, 'hello');
});

test('dead letters go back by a move task', async () => {
  const dead = await made();
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl: dead, AttributeNames: ['QueueArn'] });
  const work = await made({
    VisibilityTimeout: '0',
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes.QueueArn, maxReceiveCount: 1 }),
  });
  assert.deepEqual((await call('ListDeadLetterSourceQueues', { QueueUrl: dead })).queueUrls, [work]);
  await call('SendMessage', { QueueUrl: work, MessageBody: 'poison' });
  await call('ReceiveMessage', { QueueUrl: work });
  await call('ReceiveMessage', { QueueUrl: work });
  await call('StartMessageMoveTask', { SourceArn: Attributes.QueueArn });
  const { Messages } = await call('ReceiveMessage', { QueueUrl: work, WaitTimeSeconds: 20 });
  assert.equal(Messages[0].Body, 'poison');
  const { Results } = await call('ListMessageMoveTasks', { SourceArn: Attributes.QueueArn });
  assert.equal(Results[0].ApproximateNumberOfMessagesMoved, 1);
});

test('errors have the codes of the Query protocol', async () => {
  const QueueUrl = await made();
  await assert.rejects(call('SendMessage', { QueueUrl: `${QueueUrl}x`, MessageBody: 'b' }), {
    name: 'AWS.SimpleQueueService.NonExistentQueue',
    message: 'The specified queue does not exist for this wsdl version.',
  });
  await assert.rejects(call('DeleteMessage', { QueueUrl, ReceiptHandle: 'x' }), { name: 'ReceiptHandleIsInvalid' });
  await assert.rejects(call('SendMessageBatch', { QueueUrl, Entries: [] }), { name: 'EmptyBatchRequest' });
  await assert.rejects(call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 11 }), { name: 'InvalidParameterValue' });
});

test('an address written by hand', async () => {
  const QueueUrl = await queue();
  const get = async (query, url = QueueUrl) => {
    const response = await fetch(`${url}${query}`);
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };
  const sent = await get('?Action=SendMessage&MessageBody=a+%3Cb%3E');
  assert.equal(sent.status, 200);
  assert.equal(sent.type, 'text/xml');
  assert.match((await get('?Action=ReceiveMessage')).text, /<Body>a &lt;b&gt;<\/Body>/);
  assert.match((await get('?Action=GetQueueAttributes&AttributeName=All')).text, /<Attribute><Name>VisibilityTimeout<\/Name><Value>30<\/Value><\/Attribute>/);
  const unknown = await get('?Action=GetQueueAttributes&AttributeName.1=Foobar');
  assert.equal(unknown.status, 400);
  assert.match(unknown.text, /<Code>InvalidAttributeName<\/Code><Message>Unknown Attribute Foobar.<\/Message>/);
  assert.match((await get('?Action=ListQueues')).text, /<Code>InvalidAction<\/Code><Message>The action ListQueues is not valid for this endpoint.<\/Message>/);
  assert.match((await get('?Action=SendMessage')).text, /<Code>MissingParameter<\/Code><Message>The request must contain the parameter MessageBody.<\/Message>/);
  assert.deepEqual(await get(''), { status: 404, type: 'text/xml', text: '<UnknownOperationException/>\n' });
  const presigned = await get('?Action=GetQueueAttributes&AttributeName=QueueArn&X-Amz-Credential=test%2F20260101%2Feu-west-1%2Fsqs%2Faws4_request');
  assert.match(presigned.text, /NonExistentQueue/, 'another region is another namespace');
});

test('an address whose reader accepts JSON', async () => {
  const QueueUrl = await queue();
  const get = async (query) => (await fetch(`${QueueUrl}${query}`, { headers: { accept: 'application/json' } })).json();
  const { SendMessageResponse } = await get('?Action=SendMessage&MessageBody=a+%22b%22');
  assert.ok(SendMessageResponse.ResponseMetadata.RequestId);
  assert.equal(SendMessageResponse.SendMessageResult.MD5OfMessageAttributes, null);
  const [message] = (await get('?Action=ReceiveMessage&AttributeName=ApproximateReceiveCount')).ReceiveMessageResponse.ReceiveMessageResult.messages;
  assert.equal(message.Body, 'a "b"');
  assert.equal(message.MessageId, SendMessageResponse.SendMessageResult.MessageId);
  assert.deepEqual(message.Attributes, [{ Name: 'ApproximateReceiveCount', Value: '1' }]);
  assert.deepEqual((await get('?Action=GetQueueAttributes&AttributeName=Foobar')).Error, { Code: 'InvalidAttributeName', Message: 'Unknown Attribute Foobar.', Type: 'Sender' });
});
