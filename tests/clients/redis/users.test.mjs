// Users of the Redis port, with ioredis against a broker that demands a login.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import Redis from 'ioredis';
import { run } from '../cli/weir.mjs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';

const place = temporaryFolder('redis-users');
let broker;
let env;

before(async () => {
  const firstUser = join(place.folder, 'first-user');
  writeFileSync(firstUser, 'admin:first secret\n');
  broker = await startBroker({ data: join(place.folder, 'data'), args: ['--redis-auth', 'required', '--first-user', firstUser] });
  env = { WEIR_URL: broker.env.WEIR_URL, PASSWORD: 'swordfish' };
});
after(async () => {
  await broker.stop();
  place.remove();
});

const clientAs = (username, password) => new Redis(`${broker.env.REDIS_URL ?? `redis://${broker.addresses.redis}`}`, { username, password, retryStrategy: null, lazyConnect: true });

// What it says to a SET, or the errors on the way.
async function tryToSet(username, password) {
  const redis = clientAs(username, password);
  const errors = [];
  redis.on('error', ({ message }) => errors.push(message));
  try {
    await redis.connect();
    return await redis.set('key', 'value');
  } catch (error) {
    return [...errors, error.message].join('; ');
  } finally {
    redis.disconnect();
  }
}

test('RedisUsers.NothingIsAnsweredWithoutALogin', async () => {
  assert.match(await tryToSet(), /NOAUTH/);
});

test('RedisUsers.TheSuperUserMakesOthersThatLogIn', async () => {
  assert.equal(await tryToSet('admin', 'first secret'), 'OK');
  const admin = clientAs('admin', 'first secret');
  assert.equal(await admin.acl('SETUSER', 'alice', 'on', '>wonderland', '~*', '&*', '+@all'), 'OK');
  assert.equal(await tryToSet('alice', 'wonderland'), 'OK');
  assert.match(await tryToSet('alice', 'guess'), /WRONGPASS|NOAUTH/);
  assert.deepEqual((await admin.acl('USERS')).toSorted(), ['admin', 'alice', 'default']);
  assert.equal(await admin.acl('DELUSER', 'alice'), 1);
  assert.match(await tryToSet('alice', 'wonderland'), /WRONGPASS|NOAUTH/);
  admin.disconnect();
});

test('RedisUsers.UsersOfTheCommandLineHaveTheRightsThatTheyWereGiven', async () => {
  await run(['user', 'add', 'cache', '--redis', '--password-env', 'PASSWORD'], { env });
  await run(['user', 'add', 'reader', '--password-env', 'PASSWORD'], { env });
  assert.equal(await tryToSet('cache', 'swordfish'), 'OK');
  assert.match(await tryToSet('reader', 'swordfish'), /NOPERM/);
  await broker.restart();
  env.WEIR_URL = broker.env.WEIR_URL;
  assert.equal(await tryToSet('cache', 'swordfish'), 'OK');
});
