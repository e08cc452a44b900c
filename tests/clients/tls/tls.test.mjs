// Every port with TLS: unmodified clients work, plain ones are refused, and certificates and credentials are loaded
// again without a restart.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:https';
import { connect as connectPlain } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import * as sdk from '@aws-sdk/client-sqs';
import * as old from 'client-sqs-query';
import Redis from 'ioredis';
import kafkajs from 'kafkajs';
import { weir } from '../cli/weir.mjs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { waitFor } from '../support/programs.mjs';
import { Authority, replace } from './certificates.mjs';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } = kafkajs;  // CommonJS
const keys = { accessKeyId: 'KEYOFOWNER', secretAccessKey: 'a+secret/of=one' };
const place = temporaryFolder('tls');
let authority;
let files;
let ca;
let credentials;
let broker;

const portOf = (name) => Number(broker.addresses[name].split(':').at(-1));
const urlOf = (name) => `https://${broker.addresses[name]}`;

function writeCredentials(...pairs) {
  writeFileSync(credentials, pairs.map(({ accessKeyId, secretAccessKey }, i) => `[user${i}]
aws_access_key_id = ${accessKeyId}
aws_secret_access_key = ${secretAccessKey}
`).join(''));
}

before(async () => {
  authority = new Authority(place.folder);
  files = authority.make('server');
  ca = readFileSync(authority.file);
  credentials = join(place.folder, 'credentials');
  writeCredentials(keys);
  broker = await startBroker({
    data: join(place.folder, 'data'),
    args: ['--tls-certificate', files.certificate, '--tls-key', files.key, '--aws-credentials', credentials, '--log-format', 'logfmt'],
  });
});
after(async () => {
  await broker.stop();
  place.remove();
});

// { status, body } of a GET.
function ask(url, options = {}) {
  return new Promise((done, failed) => {
    get(url, { ca, ...options }, (response) => {
      let body = '';
      response.on('data', (more) => { body += more; });
      response.on('end', () => done({ status: response.statusCode, body }));
    }).on('error', failed);
  });
}

function sqsClient(kind, { accessKeyId, secretAccessKey } = keys) {
  const HttpHandler = new kind.SQSClient({ region: 'us-east-1' }).config.requestHandler.constructor;
  const client = new kind.SQSClient({
    endpoint: urlOf('aws'), region: 'us-east-1', credentials: { accessKeyId, secretAccessKey }, maxAttempts: 1,
    requestHandler: new HttpHandler({ httpsAgent: new Agent({ ca, keepAlive: true }) }),
  });
  return Object.assign((action, input = {}) => client.send(new kind[`${action}Command`](input)), { client });
}

const kafkaOf = (ssl) => new Kafka({ clientId: 'tls', brokers: [broker.addresses.kafka], ssl, logLevel: logLevel.NOTHING, connectionTimeout: 3000, retry: { retries: 2, initialRetryTime: 50 } });

// What the broker says to plain bytes until it closes.
function plainly(port, bytes) {
  return new Promise((done) => {
    const socket = connectPlain(port, '127.0.0.1');
    let text = '';
    socket.on('data', (more) => { text += more; });
    socket.on('error', () => {});
    socket.on('close', () => done(text));
    socket.write(bytes);
  });
}

// The name in the certificate that a new connection meets.
function nameServed(port) {
  return new Promise((done, failed) => {
    const socket = connect({ port, host: '127.0.0.1', ca }, () => {
      done(socket.getPeerCertificate().subject.CN);
      socket.destroy();
    });
    socket.on('error', failed);
  });
}

test('Tls.KafkaProducesAndConsumes', async () => {
  const kafka = kafkaOf({ ca: [ca] });
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: 'tls', maxWaitTimeInMs: 200 });
  await producer.connect();
  const big = 'b'.repeat(700_000);
  await producer.send({ topic: 'over-tls', messages: [{ value: 'first' }, { value: big }] });
  await producer.disconnect();
  const seen = [];
  await consumer.connect();
  await consumer.subscribe({ topics: ['over-tls'], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => { seen.push(String(message.value)); } });
  await waitFor(() => seen.length >= 2, 30_000, 'both records');
  await consumer.disconnect();
  assert.deepEqual(seen, ['first', big]);
});

test('Tls.RedisCommandsAndPipelines', async () => {
  const redis = new Redis({ host: '127.0.0.1', port: portOf('redis'), tls: { ca } });
  const blocked = redis.duplicate();
  const waiting = blocked.brpop('tls-list', 10);
  const pipeline = redis.pipeline();
  for (let i = 0; i < 1000; i++) pipeline.rpush('tls-many', `value-${i}-${'x'.repeat(i)}`);
  pipeline.lrange('tls-many', 0, -1);
  const replies = await pipeline.exec();
  assert.equal(replies.at(-1)[1].length, 1000);
  assert.equal(replies.at(-1)[1][999], `value-999-${'x'.repeat(999)}`);
  await redis.lpush('tls-list', 'job');
  assert.deepEqual(await waiting, ['tls-list', 'job']);
  redis.disconnect();
  blocked.disconnect();
});

for (const [protocol, kind] of Object.entries({ Json: sdk, Query: old })) {
  test(`Tls.SqsQueueUrlsSayHttps (${protocol})`, async () => {
    const call = sqsClient(kind);
    const { QueueUrl } = await call('CreateQueue', { QueueName: `tls-${protocol}` });
    assert.ok(QueueUrl.startsWith(`${urlOf('aws')}/`), QueueUrl);
    assert.equal((await call('GetQueueUrl', { QueueName: `tls-${protocol}` })).QueueUrl, QueueUrl);
    const body = 'é'.repeat(100_000);
    await call('SendMessage', { QueueUrl, MessageBody: body });
    const { Messages } = await call('ReceiveMessage', { QueueUrl, WaitTimeSeconds: 5 });
    assert.equal(Messages[0].Body, body);
    call.client.destroy();
  });
}

test('Tls.TheAdminPortAnswers', async () => {
  assert.deepEqual(await ask(`${urlOf('http')}/livez`), { status: 200, body: 'alive\n' });
  const { listeners } = JSON.parse((await ask(`${urlOf('http')}/api/v1/listeners`)).body);
  assert.deepEqual(listeners.map(({ name, tls }) => [name, tls]), [['aws', true], ['http', true], ['kafka', true], ['redis', true]]);
  await assert.rejects(ask(`${urlOf('http')}/livez`, { ca: undefined }), /self-signed|unable to/);
});

test('Tls.TheCommandLineTalksToIt', async () => {
  const url = ['--url', urlOf('http')];
  const untrusting = await weir(['topic', 'ls', ...url]);
  assert.equal(untrusting.status, 1);
  assert.match(untrusting.err, /--ca.*--insecure-skip-verify/);
  assert.equal((await weir(['topic', 'ls', ...url, '--insecure-skip-verify'])).status, 0);
  assert.equal((await weir(['topic', 'create', 'by-tls', ...url, '--ca', authority.file])).status, 0);
  assert.match((await weir(['topic', 'ls', ...url], { env: { WEIR_CA: authority.file } })).out, /by-tls/);
  const env = JSON.parse((await weir(['env', '--json', ...url, '--ca', authority.file])).out);
  assert.equal(env.AWS_ENDPOINT_URL, urlOf('aws'));
  assert.equal(env.REDIS_URL, `rediss://${broker.addresses.redis}`);
  assert.equal(env.KAFKA_SECURITY_PROTOCOL, 'SSL');
  assert.equal(env.AWS_CA_BUNDLE, authority.file);
  const plain = await weir(['topic', 'ls', '--url', `http://${broker.addresses.http}`]);
  assert.equal(plain.status, 1);
  assert.match(plain.err, /https:\/\//);
});

test('Tls.PlainClientsAreRefusedAtOnce', async () => {
  for (const name of ['aws', 'http']) {
    const answer = await plainly(portOf(name), 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.match(answer, /^HTTP\/1\.1 400 .*https:\/\//s);
  }
  assert.equal(await plainly(portOf('redis'), '*1\r\n$4\r\nPING\r\n'), '');
  assert.equal(await plainly(portOf('kafka'), Buffer.from('000000130012000000000007000378797a', 'hex')), '');
  await waitFor(() => broker.output.includes('the client speaks without TLS'), 5000, 'a line in the log');
});

test('Tls.ReloadIsForNewConnections', async () => {
  const redis = new Redis({ host: '127.0.0.1', port: portOf('redis'), tls: { ca } });
  assert.equal(await redis.ping(), 'PONG');
  assert.equal(await nameServed(portOf('redis')), 'server');
  replace(files, authority.make('renewed'));
  broker.process.kill('SIGHUP');
  for (const name of ['kafka', 'aws', 'redis', 'http'])
    await waitFor(async () => await nameServed(portOf(name)) === 'renewed', 10_000, `the new certificate on ${name}`);
  assert.equal(await redis.ping(), 'PONG');
  redis.disconnect();
});

test('Tls.ABadFileKeepsTheOldCertificateAndSaysSo', async () => {
  const good = readFileSync(files.key);
  writeFileSync(files.key, readFileSync(authority.key));
  broker.process.kill('SIGHUP');
  await waitFor(() => /the TLS certificate stays as it was.*protocol=http.*does not belong/.test(broker.output), 10_000, 'a line in the log');
  assert.equal((await ask(`${urlOf('http')}/livez`)).status, 200);
  writeFileSync(files.key, good);
});

test('Tls.CredentialsAreLoadedAgain', async () => {
  const next = { accessKeyId: 'KEYOFNEXT', secretAccessKey: 'another' };
  const [before, since] = [sqsClient(sdk), sqsClient(sdk, next)];
  await before('ListQueues');
  await assert.rejects(since('ListQueues'), { name: 'InvalidClientTokenId' });
  writeCredentials(next);
  broker.process.kill('SIGHUP');
  await waitFor(async () => since('ListQueues').then(() => true, () => false), 10_000, 'the new key');
  await assert.rejects(before('ListQueues'), { name: 'InvalidClientTokenId' });
  writeFileSync(credentials, '[broken\n');
  broker.process.kill('SIGHUP');
  await waitFor(() => broker.output.includes('the credentials stay as they were'), 10_000, 'a line in the log');
  await since('ListQueues');
  before.client.destroy();
  since.client.destroy();
});

test('Tls.ClientsShowACertificateWhereOneIsAskedFor', async () => {
  const folder = temporaryFolder('mutual');
  const client = authority.make('client');
  const strict = await startBroker({
    data: join(folder.folder, 'data'),
    args: ['--tls-certificate', files.certificate, '--tls-key', files.key, '--tls-client-ca', authority.file, '--tls-min-version', '1.3', '--http-tls-client-ca', 'off'],
  });
  try {
    const shown = { cert: readFileSync(client.certificate), key: readFileSync(client.key) };
    const port = Number(strict.addresses.redis.split(':').at(-1));
    const known = new Redis({ host: '127.0.0.1', port, tls: { ca, ...shown } });
    assert.equal(await known.ping(), 'PONG');
    known.disconnect();
    const stranger = new Redis({ host: '127.0.0.1', port, tls: { ca }, retryStrategy: null, maxRetriesPerRequest: 0, lazyConnect: true });
    stranger.on('error', () => {});
    await assert.rejects(stranger.connect().then(() => stranger.ping()));
    stranger.disconnect();
    assert.equal((await ask(`https://${strict.addresses.http}/livez`)).status, 200);
    await assert.rejects(ask(`https://${strict.addresses.aws}/`));
    assert.equal((await ask(`https://${strict.addresses.aws}/?Action=ListQueues`, shown)).status, 200);
  } finally {
    await strict.stop();
    folder.remove();
  }
});

// The subject of a certificate is a name in Kafka's access rules, as Java writes it.
test('Tls.AccessRulesNameKafkaClientsByTheirCertificates', async () => {
  const folder = temporaryFolder('principals');
  const strict = await startBroker({
    data: join(folder.folder, 'data'),
    args: ['--tls-certificate', files.certificate, '--tls-key', files.key, '--kafka-tls-client-ca', authority.file, '--super-users', 'CN=admin'],
  });
  const shownBy = (name) => {
    const { certificate, key } = authority.make(name);
    return new Kafka({ clientId: name, brokers: [strict.addresses.kafka], ssl: { ca: [ca], cert: readFileSync(certificate), key: readFileSync(key) }, logLevel: logLevel.NOTHING, connectionTimeout: 3000, retry: { retries: 1, initialRetryTime: 50 } });
  };
  const produced = async (kafka) => {
    const producer = kafka.producer();
    await producer.connect();
    try {
      await producer.send({ topic: 'ruled', messages: [{ value: 'x' }] });
      return 'produced';
    } catch (error) {
      return `${error.cause?.type ?? error.type} ${error.message}`;
    } finally {
      await producer.disconnect();
    }
  };
  const admin = shownBy('admin').admin();
  try {
    await admin.connect();
    await admin.createTopics({ topics: [{ topic: 'ruled' }] });
    const write = { resourceType: AclResourceTypes.TOPIC, resourceName: 'ruled', resourcePatternType: ResourcePatternTypes.LITERAL, principal: 'User:CN=billing', host: '*', operation: AclOperationTypes.WRITE, permissionType: AclPermissionTypes.ALLOW };
    await admin.createAcls({ acl: [write] });
    assert.equal(await produced(shownBy('billing')), 'produced');
    assert.match(await produced(shownBy('other')), /TOPIC_AUTHORIZATION_FAILED/);
  } finally {
    await admin.disconnect();
    await strict.stop();
    folder.remove();
  }
});

test('Tls.SignaturesAreDemandedBeyondThisHost', async () => {
  const folder = temporaryFolder('beyond');
  const off = ['kafka', 'redis', 'http'];
  const start = (...more) => startBroker({ data: join(folder.folder, 'data'), off, args: ['--address', '0.0.0.0', ...more] });
  const someCredentials = join(folder.folder, 'credentials');
  writeFileSync(someCredentials, '[one]\naws_access_key_id = ONE\naws_secret_access_key = secret\n');
  await assert.rejects(start(), /nobody is asked who he is by: aws \(give --aws-credentials\)/);
  const checked = await start('--aws-credentials', someCredentials);
  const unsigned = await fetch(`http://${checked.addresses.aws}/?Action=ListQueues`);
  assert.equal(unsigned.status, 403);
  assert.match(await unsigned.text(), /MissingAuthenticationToken/);
  await checked.stop();
  const open = await start('--insecure');
  assert.equal((await fetch(`http://${open.addresses.aws}/?Action=ListQueues`)).status, 200);
  await open.stop();
  folder.remove();
});

test('Tls.ConfigCheckReadsTheFiles', async () => {
  const config = join(place.folder, 'weir.toml');
  const checked = (certificate, key) => {
    writeFileSync(config, `[tls]\ncertificate = '${certificate}'\nkey = '${key}'\n`);
    return weir(['config', 'check', config]);
  };
  const good = await checked(files.certificate, files.key);
  assert.equal(good.status, 0, good.err);
  const missing = await checked(join(place.folder, 'missing.pem'), files.key);
  assert.equal(missing.status, 1);
  assert.match(missing.err, /missing\.pem: cannot read the certificate: No such file/);
  const foreign = await checked(files.certificate, authority.key);
  assert.equal(foreign.status, 1);
  assert.match(foreign.err, /authority\.key: the key does not belong to the certificate in/);
  const short = authority.make('short', 1);
  const ending = await checked(short.certificate, short.key);
  assert.equal(ending.status, 0);
  assert.match(ending.err, /warning: .*short\.pem: the certificate expires on/);
});
