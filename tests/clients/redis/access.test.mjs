// What commands are said to be, and what rules of access allow, against a real Redis 7: categories, arities, the places of keys;
// then random rules and commands, which both allow or both refuse. SEED=n takes other rules. Skipped where there is no Redis.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import Redis from 'ioredis';
import { startRedisPeer } from '../support/redis_peer.mjs';

const seed = Number(process.env.SEED ?? 1);
const users = 120;
const commandsOfEach = 25;

// A command and what is otherwise about it, with the reason.
const knownDifferences = new Map([
  ['command|getkeys', ['arity -3 instead of -4', 'as in 7.2: a command without arguments is asked about, too']],
  ['command|getkeysandflags', ['arity -3 instead of -4', 'the same']],
  ['zrank', ['arity -3 instead of 3', 'WITHSCORE, since 7.2']],
  ['zrevrank', ['arity -3 instead of 3', 'WITHSCORE, since 7.2']],
]);

let peer;
let ours;
let theirs;
before(async () => {
  peer = await startRedisPeer();
  if (!peer) return;
  ours = new Redis(process.env.REDIS_URL);
  theirs = new Redis(peer.url);
});
after(async () => {
  ours?.disconnect();
  theirs?.disconnect();
  peer?.stop();
});

function generator(state) {
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

// By name: arity, first, last and step of the keys, categories; subcommands by their own names.
async function described(redis) {
  const all = new Map();
  const add = (command) => {
    const [name, arity, , first, last, step, categories, , , subcommands] = command;
    all.set(String(name), { arity, keys: [first, last, step].join(' '), categories: new Set(categories.map(String)) });
    for (const each of subcommands ?? []) add(each);
  };
  for (const command of await redis.call('COMMAND')) add(command);
  return all;
}

test('RedisAccess.CommandsAreDescribedAsByRedis', async (t) => {
  if (!peer) return t.skip('no Redis: install redis-tools, or set REDIS_PEER_URL');
  const [mine, other] = [await described(ours), await described(theirs)];
  const differences = [];
  for (const [name, command] of other) {
    const own = mine.get(name);
    if (!own) continue;
    const found = [];
    if (own.arity !== command.arity) found.push(`arity ${own.arity} instead of ${command.arity}`);
    if (own.keys !== command.keys && own.keys !== '0 0 0') found.push(`keys ${own.keys} instead of ${command.keys}`);
    for (const category of command.categories) if (!own.categories.has(category)) found.push(`not ${category}`);
    for (const category of own.categories) if (!command.categories.has(category)) found.push(category);
    const text = found.join(', ');
    if (text !== (knownDifferences.get(name)?.[0] ?? '')) differences.push(`${name}: ${text}`);
  }
  assert.deepEqual(differences, []);
});

function rules(random) {
  const pick = (...words) => words[random(words.length)];
  const command = () => pick('get', 'set', 'getset', 'lpush', 'rpop', 'lmove', 'xadd', 'xrange', 'xreadgroup', 'hset', 'hget', 'sadd',
    'zadd', 'copy', 'rename', 'del', 'exists', 'publish', 'subscribe', 'config|get', 'config', 'client|id', 'client', 'sort', 'mget',
    'xgroup', 'xgroup|create', 'object|encoding', 'eval', 'debug', 'flushall', 'sinterstore', 'zunionstore', 'select|1');
  const category = () => pick('read', 'write', 'string', 'list', 'stream', 'hash', 'set', 'sortedset', 'keyspace', 'dangerous', 'admin', 'fast',
    'slow', 'pubsub', 'connection', 'blocking', 'transaction', 'all', 'scripting');
  const rule = () => [
    () => `${pick('+', '-')}@${category()}`, () => `${pick('+', '-')}${command()}`, () => `~${pick('acc-a*', 'acc-b', '*', 'acc-c?')}`,
    () => `%${pick('R', 'W', 'RW')}~${pick('acc-a*', 'acc-b', 'acc-d')}`, () => `&${pick('acc-a*', 'acc-b', '*')}`,
    () => pick('allkeys', 'resetkeys', 'allchannels', 'resetchannels', 'allcommands', 'nocommands', 'on', 'bogus', '+nosuch', '%X~a'),
  ][random(6)]();
  const some = (most) => Array.from({ length: 1 + random(most) }, rule);
  return [...some(6), ...(random(3) === 0 ? [`(${some(3).filter((word) => word !== 'on').join(' ')})`] : [])];
}

function commands(random) {
  const pick = (...words) => words[random(words.length)];
  // Apart from the names that other tests of the same broker make.
  const key = () => `acc-${pick('a1', 'b', 'c1', 'd', 'e')}`;
  return [
    ['GET', key()], ['SET', key(), 'v'], ['SET', key(), 'v', 'GET'], ['GETSET', key(), 'v'], ['LPUSH', key(), 'v'], ['RPOP', key()],
    ['LMOVE', key(), key(), 'LEFT', 'LEFT'], ['XADD', key(), '*', 'f', 'v'], ['XRANGE', key(), '-', '+'], ['XLEN', key()], ['XACK', key(), 'g', '1'],
    ['XREADGROUP', 'GROUP', 'g', 'c', 'STREAMS', key(), '>'], ['XREAD', 'STREAMS', key(), key(), '0', '0'], ['HSET', key(), 'f', 'v'],
    ['HGET', key(), 'f'], ['HLEN', key()], ['SADD', key(), 'v'], ['SISMEMBER', key(), 'v'], ['SINTERSTORE', key(), key(), key()], ['ZADD', key(), '1', 'v'],
    ['ZUNIONSTORE', key(), '2', key(), key()], ['COPY', key(), key()], ['RENAME', key(), key()], ['DEL', key(), key()], ['EXISTS', key()],
    ['TYPE', key()], ['TTL', key()], ['EXPIRE', key(), '100'], ['MGET', key(), key()], ['MSET', key(), 'v', key(), 'v'], ['PUBLISH', key(), 'm'],
    ['SPUBLISH', key(), 'm'], ['CONFIG', 'GET', 'maxmemory'], ['CONFIG', 'SET', 'maxmemory', '0'], ['CLIENT', 'ID'], ['CLIENT', 'LIST'], ['XGROUP', 'CREATE', key(), 'g', '0'],
    ['OBJECT', 'ENCODING', key()], ['SORT', key(), 'BY', 'w_*'], ['SORT', key(), 'STORE', key()], ['ECHO', 'x'], ['PING'], ['DBSIZE'], ['SELECT', '1'], ['SELECT', '0'],
    ['BLPOP', key(), '0.001'], ['LMPOP', '2', key(), key(), 'LEFT'], ['APPEND', key(), 'v'], ['STRLEN', key()], ['GETDEL', key()], ['TIME'], ['ROLE'], ['EVAL', 'return 1', '0'],
    ['MULTI'], ['DISCARD'], ['WATCH', key()], ['KEYS', '*'], ['SCAN', '0'], ['RANDOMKEY'], ['PERSIST', key()], ['MEMORY', 'USAGE', key()], ['ACL', 'WHOAMI'], ['ACL', 'LIST'],
  ][random(63)];
}

// What matters of a reply: whether the command was refused, and for what.
async function outcome(redis, words) {
  try {
    await redis.call(...words);
    return 'allowed';
  } catch ({ message }) {
    if (!message.startsWith('NOPERM') && !message.includes('ACL permissions')) return 'allowed';
    return /channel/.test(message) ? 'channel' : /key|BY option/.test(message) ? 'key' : 'command';
  }
}

test('RedisAccess.RandomRulesAllowWhatTheyAllowInRedis', { timeout: 240_000 }, async (t) => {
  if (!peer) return t.skip('no Redis: install redis-tools, or set REDIS_PEER_URL');
  const random = generator(seed);
  for (let user = 0; user < users; user++) {
    const words = ['ACL', 'SETUSER', `access${user}`, 'reset', 'on', 'nopass', ...rules(random)];
    const answers = await Promise.all([ours, theirs].map((redis) => redis.call(...words).catch(({ message }) => message)));
    assert.equal(answers[0], answers[1], `SEED=${seed}: ${words.join(' ')}`);
    if (answers[0] !== 'OK') continue;
    const clients = [process.env.REDIS_URL, peer.url].map((url) => new Redis(url, { username: `access${user}`, password: 'any', enableReadyCheck: false, retryStrategy: null }));
    try {
      for (let i = 0; i < commandsOfEach; i++) {
        const command = commands(random);
        const [mine, other] = await Promise.all(clients.map((client) => outcome(client, command)));
        assert.equal(mine, other, `SEED=${seed}: ${words.slice(2).join(' ')}: ${command.join(' ')}`);
      }
    } finally {
      for (const client of clients) client.disconnect();
      await Promise.all([ours, theirs].map((redis) => redis.call('ACL', 'DELUSER', `access${user}`)));
    }
  }
});
