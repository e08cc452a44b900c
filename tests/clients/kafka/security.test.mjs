// A Kafka port that demands logins: kafkajs and kcat with users made on the command line, through Kafka and at the start.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import kafkajs from 'kafkajs';
import { json, run, weir } from '../cli/weir.mjs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';

const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes } = kafkajs;  // CommonJS
const place = temporaryFolder('sasl');
const issuer = { rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }), ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'];
let broker;
let env;

before(async () => {
  const firstUser = join(place.folder, 'first-user');
  writeFileSync(firstUser, 'admin:first secret\n');
  const keys = join(place.folder, 'keys.json');
  writeFileSync(keys, JSON.stringify({ keys: Object.entries(issuer).map(([kid, { publicKey }]) => ({ kid, ...publicKey.export({ format: 'jwk' }) })) }));
  broker = await startBroker({ data: join(place.folder, 'data'), args: ['--kafka-sasl', 'required', '--first-user', firstUser, '--kafka-token-keys', keys] });
  env = { WEIR_URL: broker.env.WEIR_URL, ALICE: 'wonderland' };
  await run(['user', 'add', 'alice', '--password-env', 'ALICE'], { env });
});
after(async () => {
  await broker.stop();
  place.remove();
});

const kafkaAs = (username, password, mechanism = 'scram-sha-256', options = {}) => new Kafka({
  clientId: 'security', brokers: [broker.addresses.kafka], logLevel: logLevel.NOTHING,
  ...(username && { sasl: { mechanism, username, password } }),
  connectionTimeout: 3000, retry: { retries: 1, initialRetryTime: 50 }, ...options,
});

// What the producer of these credentials meets.
async function tryToProduce(kafka, topic = 'orders') {
  const producer = kafka.producer();
  try {
    await producer.connect();
    await producer.send({ topic, messages: [{ value: 'x' }] });
    return 'produced';
  } catch (error) {
    return error.type ?? error.cause?.type ?? error.name;
  } finally {
    await producer.disconnect();
  }
}

// { status, out, err } of kcat; null when it is not installed.
function kcat(args, input = '') {
  return new Promise((done, failed) => {
    const child = spawn('kcat', ['-b', broker.addresses.kafka, ...args], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (bytes) => { out += bytes; });
    child.stderr.on('data', (bytes) => { err += bytes; });
    child.on('error', (error) => (error.code === 'ENOENT' ? done(null) : failed(error)));
    child.on('close', (status) => done({ status, out, err }));
    child.stdin.on('error', () => {});
    child.stdin.end(input);
  });
}
const saslOf = (username, password, mechanism) => ['-X', 'security.protocol=SASL_PLAINTEXT', '-X', `sasl.mechanisms=${mechanism.toUpperCase()}`, '-X', `sasl.username=${username}`, '-X', `sasl.password=${password}`];

for (const mechanism of mechanisms) {
  test(`Sasl.KafkajsLogsIn (${mechanism})`, async () => {
    assert.equal(await tryToProduce(kafkaAs('alice', 'wonderland', mechanism)), 'produced');
    assert.match(await tryToProduce(kafkaAs('alice', 'guess', mechanism)), /SASL/);
    assert.match(await tryToProduce(kafkaAs('nobody', 'guess', mechanism)), /SASL/);
  });

  test(`Sasl.KcatLogsIn (${mechanism})`, async (t) => {
    const topic = `kcat-${mechanism}`;
    const sent = await kcat([...saslOf('alice', 'wonderland', mechanism), '-P', '-t', topic], 'hello\n');
    if (!sent) return t.skip('kcat is not installed');
    assert.equal(sent.status, 0, sent.err);
    const seen = await kcat([...saslOf('alice', 'wonderland', mechanism), '-C', '-t', topic, '-o', 'beginning', '-e', '-q']);
    assert.equal(seen.out, 'hello\n', seen.err);
    const refused = await kcat([...saslOf('alice', 'guess', mechanism), '-L', '-m', '3']);
    assert.notEqual(refused.status, 0);
    assert.match(refused.err, /user name or the password is wrong|Authentication/i);
  });
}

// A token that the issuer signed, or anybody else's when `key` is another one.
function tokenOf(kind, claims, key = issuer[kind].privateKey) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: kind === 'rsa' ? 'RS256' : 'ES256', kid: kind })}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

test('Sasl.TokensLetInAndUnsignedOnesDoNot', async (t) => {
  const withToken = (value) => kafkaAs(null, null, null, { sasl: { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value }) } });
  const claims = { sub: 'alice', exp: Math.floor(Date.now() / 1000) + 60 };
  for (const kind of ['rsa', 'ec']) assert.equal(await tryToProduce(withToken(tokenOf(kind, claims))), 'produced', kind);
  assert.match(await tryToProduce(withToken(tokenOf('ec', { ...claims, exp: 1 }))), /SASL/);
  assert.match(await tryToProduce(withToken(tokenOf('ec', claims, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey))), /SASL/);
  const unsigned = await kcat(['-X', 'security.protocol=SASL_PLAINTEXT', '-X', 'sasl.mechanisms=OAUTHBEARER', '-X', 'enable.sasl.oauthbearer.unsecure.jwt=true', '-X', 'sasl.oauthbearer.config=principal=alice', '-L', '-m', '3']);
  if (!unsigned) return t.skip('kcat is not installed');
  assert.notEqual(unsigned.status, 0);
});

test('Sasl.NobodyIsAnsweredWithoutALogin', async () => {
  assert.notEqual(await tryToProduce(kafkaAs()), 'produced');
});

test('Sasl.TheFirstUserIsThereAndAlsoAfterARestart', async () => {
  assert.equal(await tryToProduce(kafkaAs('admin', 'first secret')), 'produced');
  await broker.restart();
  env.WEIR_URL = broker.env.WEIR_URL;
  assert.equal(await tryToProduce(kafkaAs('admin', 'first secret', 'plain')), 'produced');
  assert.equal(await tryToProduce(kafkaAs('alice', 'wonderland', 'scram-sha-512')), 'produced');
});

test('Users.AreMadeListedChangedAndRemovedOnTheCommandLine', async () => {
  const secret = join(place.folder, 'bob.secret');
  writeFileSync(secret, 'builder\n');
  await run(['user', 'add', 'bob', '--password-file', secret], { env });
  assert.match((await weir(['user', 'add', 'bob', '--password-file', secret], { env })).err, /bob exists already/);
  assert.deepEqual((await json(['user', 'ls'], { env })).map(({ name }) => name), ['admin', 'alice', 'bob']);
  assert.equal(await tryToProduce(kafkaAs('bob', 'builder')), 'produced');

  await run(['user', 'password', 'bob'], { env, input: 'another\n' });
  assert.match(await tryToProduce(kafkaAs('bob', 'builder')), /SASL/);
  assert.equal(await tryToProduce(kafkaAs('bob', 'another')), 'produced');
  await run(['user', 'disable', 'bob'], { env });
  assert.match(await tryToProduce(kafkaAs('bob', 'another')), /SASL/);
  await run(['user', 'enable', 'bob'], { env });
  assert.equal(await tryToProduce(kafkaAs('bob', 'another')), 'produced');
  await run(['user', 'remove', 'bob'], { env });
  assert.match(await tryToProduce(kafkaAs('bob', 'another')), /SASL/);
  assert.equal((await weir(['user', 'rm', 'bob'], { env })).status, 1);
  assert.match((await weir(['user', 'add', 'bob', '--password-env', 'NOT_THERE'], { env })).err, /no variable NOT_THERE/);
});

test('Acls.AreMadeFoundEnforcedAndRemoved (kafkajs)', async () => {
  await run(['user', 'add', 'carol', '--password-env', 'ALICE'], { env });
  const admin = kafkaAs('admin', 'first secret').admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic: 'ruled' }] });
    assert.equal(await tryToProduce(kafkaAs('carol', 'wonderland'), 'ruled'), 'produced');
    const rule = { resourceType: AclResourceTypes.TOPIC, resourceName: 'ruled', resourcePatternType: ResourcePatternTypes.LITERAL, principal: 'User:alice', host: '*', operation: AclOperationTypes.WRITE, permissionType: AclPermissionTypes.ALLOW };
    await admin.createAcls({ acl: [rule] });
    assert.equal(await tryToProduce(kafkaAs('alice', 'wonderland'), 'ruled'), 'produced');
    assert.match(await tryToProduce(kafkaAs('carol', 'wonderland'), 'ruled'), /TOPIC_AUTHORIZATION_FAILED/);
    const all = { resourceType: AclResourceTypes.ANY, resourcePatternType: ResourcePatternTypes.ANY, operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY };
    const { resources } = await admin.describeAcls(all);
    assert.deepEqual(resources.map(({ resourceName, acls }) => [resourceName, acls[0].principal]), [['ruled', 'User:alice']]);
    const other = kafkaAs('carol', 'wonderland').admin();
    await other.connect();
    await assert.rejects(other.createAcls({ acl: [rule] }), /authorized|AUTHORIZATION/i);
    await other.disconnect();
    const { filterResponses } = await admin.deleteAcls({ filters: [all] });
    assert.equal(filterResponses[0].matchingAcls.length, 1);
    assert.equal(await tryToProduce(kafkaAs('carol', 'wonderland'), 'ruled'), 'produced');
  } finally {
    await admin.disconnect();
  }
});

test('Acls.KcatIsToldWhatItMayNot', async (t) => {
  const admin = kafkaAs('admin', 'first secret').admin();
  await admin.connect();
  try {
    await admin.createTopics({ topics: [{ topic: 'seen' }] });
    await admin.createAcls({ acl: [{ resourceType: AclResourceTypes.TOPIC, resourceName: 'se', resourcePatternType: ResourcePatternTypes.PREFIXED, principal: 'User:alice', host: '*', operation: AclOperationTypes.DESCRIBE, permissionType: AclPermissionTypes.ALLOW }] });
    const listed = await kcat([...saslOf('alice', 'wonderland', 'plain'), '-L']);
    if (!listed) return t.skip('kcat is not installed');
    assert.match(listed.out, /topic "seen"/);
    assert.doesNotMatch(listed.out, /topic "ruled"/);
    const read = await kcat([...saslOf('alice', 'wonderland', 'plain'), '-C', '-t', 'seen', '-o', 'beginning', '-e', '-q']);
    assert.match(read.err, /authorization failed/i);
  } finally {
    await admin.deleteAcls({ filters: [{ resourceType: AclResourceTypes.ANY, resourcePatternType: ResourcePatternTypes.ANY, operation: AclOperationTypes.ANY, permissionType: AclPermissionTypes.ANY }] });
    await admin.disconnect();
  }
});
