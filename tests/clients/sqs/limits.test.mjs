// Longer delays and larger messages, on a broker that allows them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-sqs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';

const mib = 2 ** 20;
let broker;
let folder;
let client;
before(async () => {
  folder = temporaryFolder('sqs-limits');
  broker = await startBroker({ data: `${folder.folder}/data`, args: ['--queue-delay-max-s', '86400', '--queue-message-bytes-max', String(16 * mib)] });
  client = new sdk.SQSClient({ endpoint: broker.env.AWS_ENDPOINT_URL, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1 });
});
after(async () => {
  client.destroy();
  await broker.stop();
  folder.remove();
});
const call = (action, input) => client.send(new sdk[`${action}Command`](input));

test('a message of 16 MiB passes where the broker and its queue allow it', async () => {
  const { QueueUrl } = await call('CreateQueue', { QueueName: 'large', Attributes: { MaximumMessageSize: String(16 * mib) } });
  const MessageBody = 'é'.repeat(8 * mib);
  await call('SendMessage', { QueueUrl, MessageBody });
  const { Messages } = await call('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10 });
  assert.equal(Messages[0].Body, MessageBody);
  await assert.rejects(call('SendMessage', { QueueUrl, MessageBody: `${MessageBody}x` }), { message: /Message must be shorter than 16777216 bytes/ });
  await assert.rejects(call('SetQueueAttributes', { QueueUrl, Attributes: { MaximumMessageSize: String(16 * mib + 1) } }), { name: 'InvalidAttributeValue' });
});

test('a message may be delayed for a day where the broker allows it', async () => {
  const { QueueUrl } = await call('CreateQueue', { QueueName: 'delayed' });
  await call('SendMessage', { QueueUrl, MessageBody: 'tomorrow', DelaySeconds: 86_400 });
  await assert.rejects(call('SendMessage', { QueueUrl, MessageBody: 'later', DelaySeconds: 86_401 }), { message: /DelaySeconds must be >= 0 and <= 86400/ });
  const { Attributes } = await call('GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
  assert.equal(Attributes.ApproximateNumberOfMessagesDelayed, '1');
});
