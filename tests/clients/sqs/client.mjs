// What the SQS tests share: a client, queues under unused names, and how an error looks.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import * as sdk from '@aws-sdk/client-sqs';

export const sqs = new sdk.SQSClient({ maxAttempts: 1 });

// call('SendMessage', input) sends that command.
export const call = (action, input = {}, options = {}) => sqs.send(new sdk[`${action}Command`](input), options);

export const unusedName = (suffix = '') => `t-${randomUUID().slice(0, 8)}${suffix}`;

// A fresh queue; answers its url. Attributes are as in CreateQueue, `fifo` adds the suffix and the attribute.
export async function queue(Attributes = {}, { fifo = false, QueueName = unusedName(fifo ? '.fifo' : ''), tags } = {}) {
  const all = { ...(fifo && { FifoQueue: 'true' }), ...Attributes };
  return (await call('CreateQueue', { QueueName, Attributes: all, tags })).QueueUrl;
}

export const nameOf = (url) => url.split('/').at(-1);

export async function attributes(QueueUrl, ...AttributeNames) {
  return (await call('GetQueueAttributes', { QueueUrl, AttributeNames: AttributeNames.length ? AttributeNames : ['All'] })).Attributes;
}

export const arn = async (url) => (await attributes(url, 'QueueArn')).QueueArn;

// Number of messages: visible, in flight, delayed.
export async function counts(url) {
  const all = await attributes(url);
  return ['', 'NotVisible', 'Delayed'].map((kind) => Number(all[`ApproximateNumberOfMessages${kind}`]));
}

export async function receive(QueueUrl, options = {}) {
  const { Messages = [] } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'], MessageAttributeNames: ['All'], ...options });
  return Messages;
}

// Receives until `count` messages are here, within the time of a few long polls.
export async function receiveAll(url, count, options = {}) {
  const messages = [];
  for (let polls = 0; messages.length < count && polls < 20; polls += 1)
    messages.push(...await receive(url, { WaitTimeSeconds: 1, ...options }));
  assert.equal(messages.length, count);
  return messages;
}

export const bodies = (messages) => messages.map(({ Body }) => Body);

// Expects the call to fail with this modelled name and, where given, text and status.
export async function fails(promise, { name, message, status }) {
  const error = await promise.then(() => assert.fail(`expected ${name}`), (reason) => reason);
  assert.equal(error.name, name, `${error.name}: ${error.message}`);
  if (message instanceof RegExp) assert.match(error.message, message);
  else if (message) assert.equal(error.message, message);
  if (status) assert.equal(error.$metadata.httpStatusCode, status);
  return error;
}
