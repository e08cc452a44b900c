// A broker that checks signatures: both SDKs sign so that it agrees, and accounts keep apart but for what a policy shares.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as sdk from '@aws-sdk/client-sqs';
import * as old from 'client-sqs-query';
import { startBroker, temporaryFolder } from '../support/broker.mjs';

const keys = {
  owner: { accessKeyId: 'KEYOFOWNER', secretAccessKey: 'a+secret/of=one' },
  guest: { accessKeyId: '444455556666', secretAccessKey: 'another' },
};
const place = temporaryFolder('signatures');
let broker;

before(async () => {
  const credentials = join(place.folder, 'credentials');
  writeFileSync(credentials, Object.entries(keys).map(([name, key]) => `[${name}]
aws_access_key_id = ${key.accessKeyId}
aws_secret_access_key = ${key.secretAccessKey}
${name === 'owner' ? 'aws_account_id = 111122223333' : ''}
`).join(''));
  broker = await startBroker({ data: join(place.folder, 'data'), args: ['--aws-credentials', credentials, '--aws-strict'] });
});
after(async () => {
  await broker.stop();
  place.remove();
});

function caller(kind, credentials) {
  const client = new kind.SQSClient({ endpoint: broker.env.AWS_ENDPOINT_URL, region: 'us-east-1', credentials, maxAttempts: 1 });
  return (action, input = {}) => client.send(new kind[`${action}Command`](input));
}

for (const [protocol, kind] of Object.entries({ JSON: sdk, Query: old })) {
  test(`${protocol}: a right signature is accepted, a wrong one is not`, async () => {
    const call = caller(kind, keys.owner);
    const { QueueUrl } = await call('CreateQueue', { QueueName: `signed-${protocol}` });
    assert.match(QueueUrl, /\/111122223333\/signed-/);
    await call('SendMessage', { QueueUrl, MessageBody: 'é ü + & =' });
    assert.equal((await call('ReceiveMessage', { QueueUrl })).Messages[0].Body, 'é ü + & =');
    const wrong = caller(kind, { ...keys.owner, secretAccessKey: 'guessed' });
    await assert.rejects(wrong('ListQueues'), { name: 'SignatureDoesNotMatch' });
    const unknown = caller(kind, { accessKeyId: 'NOBODY', secretAccessKey: 'x' });
    await assert.rejects(unknown('ListQueues'), { name: 'InvalidClientTokenId' });
  });
}

test('a request without a signature is refused', async () => {
  const response = await fetch(`${broker.env.AWS_ENDPOINT_URL}/?Action=ListQueues`);
  assert.equal(response.status, 403);
  assert.match(await response.text(), /<Code>MissingAuthenticationToken<\/Code>/);
});

test('another account may do what a permission says, and no more', async () => {
  const owner = caller(sdk, keys.owner);
  const guest = caller(sdk, keys.guest);
  const { QueueUrl } = await owner('CreateQueue', { QueueName: 'shared' });
  await assert.rejects(guest('SendMessage', { QueueUrl, MessageBody: 'b' }), { name: /AccessDenied/ });
  await owner('AddPermission', { QueueUrl, Label: 'send', AWSAccountIds: ['444455556666'], Actions: ['SendMessage'] });
  await guest('SendMessage', { QueueUrl, MessageBody: 'b' });
  await assert.rejects(guest('ReceiveMessage', { QueueUrl }), { name: /AccessDenied/ });
  assert.equal((await guest('ListQueues')).QueueUrls, undefined);
  assert.equal((await owner('ReceiveMessage', { QueueUrl })).Messages[0].Body, 'b');
  await owner('RemovePermission', { QueueUrl, Label: 'send' });
  await assert.rejects(guest('SendMessage', { QueueUrl, MessageBody: 'b' }), { name: /AccessDenied/ });
});

test('strict mode keeps the rules of sixty seconds', async () => {
  const call = caller(sdk, keys.owner);
  const { QueueUrl } = await call('CreateQueue', { QueueName: 'strict' });
  await call('PurgeQueue', { QueueUrl });
  await assert.rejects(call('PurgeQueue', { QueueUrl }), { name: 'PurgeQueueInProgress' });
  await call('DeleteQueue', { QueueUrl });
  await assert.rejects(call('CreateQueue', { QueueName: 'strict' }), { name: 'QueueDeletedRecently' });
});
