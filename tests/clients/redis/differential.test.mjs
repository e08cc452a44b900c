// The same random commands to the broker and to a real Redis 7: the bytes of every reply are the same. The seed is fixed;
// SEED=n takes others, ROUNDS=n more commands of each protocol. Skipped where there is no Redis.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { startRedisPeer } from '../support/redis_peer.mjs';

const seed = Number(process.env.SEED ?? 1);
const rounds = Number(process.env.ROUNDS ?? 6_000);

function generator(state) {
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

// A connection that tells a reply's end by parsing it.
class Raw {
  constructor(url) {
    const { hostname, port } = new URL(url);
    this.buffer = Buffer.alloc(0);
    this.socket = net.connect(Number(port), hostname);
    this.socket.on('data', (part) => {
      this.buffer = Buffer.concat([this.buffer, part]);
      this.deliver();
    });
    let cause;
    this.socket.on('error', (error) => { cause = error; });  // 'close' follows
    this.socket.on('close', () => this.failed?.(new Error('the connection ended', { cause })));
  }
  deliver() {
    const end = this.waiting ? endOfReply(this.buffer, 0) : -1;
    if (end < 0) return;
    const reply = this.buffer.subarray(0, end).toString('latin1');
    this.buffer = this.buffer.subarray(end);
    const { waiting } = this;
    this.waiting = null;
    waiting(reply);
  }
  // Every further message goes to `each`.
  listen(each) {
    this.waiting = (message) => {
      each(message);
      this.listen(each);
    };
    this.deliver();
  }
  send(words) {
    const text = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('');
    this.socket.write(`*${words.length}\r\n${text}`);
    return new Promise((resolve, reject) => {
      this.waiting = resolve;
      this.failed = reject;
      this.deliver();
    });
  }
}

function endOfReply(buffer, at) {
  const line = buffer.indexOf('\r\n', at);
  if (line < 0) return -1;
  const type = String.fromCharCode(buffer[at]);
  const number = Number(buffer.toString('latin1', at + 1, line));
  if ('$='.includes(type)) return number < 0 ? line + 2 : line + 4 + number <= buffer.length ? line + 4 + number : -1;
  if (!'*%~>'.includes(type)) return line + 2;
  let end = line + 2;
  for (let left = type === '%' ? 2 * number : number; left > 0; left--) {
    end = endOfReply(buffer, end);
    if (end < 0) return -1;
  }
  return end;
}

// Replies are the same, byte by byte; but of a time to live, seconds are shown, and both began at different moments.
function sameReply(words, mine, other) {
  if (mine === other || !['TTL', 'EXEC'].includes(words[0])) return mine === other;
  const [ours, theirs] = [mine.split('\r\n'), other.split('\r\n')];
  const seconds = (line) => /^:([5-9]\d|100)$/.test(line) ? Number(line.slice(1)) : NaN;
  return ours.length === theirs.length &&
    ours.every((line, i) => line === theirs[i] || Math.abs(seconds(line) - seconds(theirs[i])) <= 1);
}

// XSETID to an ID below that of a deleted entry, which Redis 7.0 lets an empty stream have; the streams differ from then on.
const refusedSince72 = 'smaller than current max_deleted_entry_id';

// Apart from the names that other tests of the same broker make.
const databases = ['8', '9'];

function commands(random) {
  const pick = (...words) => words[random(words.length)];
  const key = () => pick('a', 'b', 'c', 'd', 'p', 'q');
  const stream = () => pick('a', 'b', 'c', 'd');
  const plain = () => pick('p', 'q');  // never a stream: those do not expire and are not copied here
  const value = () => pick('x', 'y', '1', '22', '-3', '', 'a longer value', 'x y');
  const number = () => String(random(12) - 5);
  const some = (make, most = 3) => Array.from({ length: 1 + random(most) }, make);
  const side = () => pick('LEFT', 'RIGHT', 'left', 'wrong');
  const forms = [
    () => ['RPUSH', key(), ...some(value)], () => ['LPUSH', key(), ...some(value)], () => ['RPUSHX', key(), value()],
    () => ['LPOP', key()], () => ['RPOP', key(), number()], () => ['LLEN', key()], () => ['LINDEX', key(), number()],
    () => ['LRANGE', key(), number(), number()], () => ['LSET', key(), number(), value()],
    () => ['LINSERT', key(), pick('BEFORE', 'after', 'x'), value(), value()], () => ['LREM', key(), number(), value()],
    () => ['LTRIM', key(), number(), number()], () => ['LMOVE', key(), key(), side(), side()],
    () => ['RPOPLPUSH', key(), key()], () => ['LMPOP', number(), key(), key(), side(), 'COUNT', number()],
    () => ['LPOS', key(), value(), ...(random(2) ? ['RANK', number()] : []), ...(random(2) ? ['COUNT', number()] : [])],
    () => ['BLPOP', key(), key(), '0.001'], () => ['BLMOVE', key(), key(), 'LEFT', 'RIGHT', '0.001'],
    () => ['SET', key(), value(), ...(random(3) ? [] : [pick('NX', 'XX', 'GET', 'KEEPTTL', 'zz')])], () => ['GET', key()],
    () => ['APPEND', key(), value()], () => ['STRLEN', key()], () => ['INCRBY', key(), number()], () => ['DECR', key()],
    () => ['GETRANGE', key(), number(), number()], () => ['SETRANGE', key(), number(), value()], () => ['GETDEL', key()],
    () => ['MGET', ...some(key)], () => ['MSET', key(), value(), key()], () => ['GETSET', key(), value()],
    () => ['DEL', ...some(key)], () => ['EXISTS', ...some(key)], () => ['TYPE', key()], () => random(2) ? ['RENAME', stream(), stream()] : ['RENAME', plain(), plain()],
    () => random(2) ? ['RENAMENX', stream(), stream()] : ['RENAMENX', plain(), plain()], () => ['COPY', plain(), plain(), ...(random(2) ? ['REPLACE'] : [])],
    () => ['EXPIRE', plain(), pick('100', '-1', 'x'), ...(random(2) ? [pick('NX', 'XX', 'GT', 'LT', 'no')] : [])],
    () => ['TTL', key()], () => ['PERSIST', key()], () => ['DBSIZE'], () => ['HSET', key(), value(), value()],
    () => ['HGET', key(), value()], () => ['HDEL', key(), ...some(value)], () => ['HLEN', key()],
    () => ['HINCRBY', key(), value(), number()], () => ['HEXISTS', key(), value()], () => ['HMGET', key(), ...some(value)],
    () => ['SADD', key(), ...some(value)], () => ['SREM', key(), ...some(value)], () => ['SCARD', key()],
    () => ['SISMEMBER', key(), value()], () => ['SMISMEMBER', key(), ...some(value)], () => ['SINTERCARD', number(), key(), key()],
    () => ['SMOVE', key(), key(), value()], () => ['SDIFFSTORE', key(), key(), key()],
    () => ['ZADD', key(), ...(random(2) ? [pick('NX', 'XX', 'GT', 'LT', 'CH', 'INCR')] : []), number(), value()],
    () => ['ZINCRBY', key(), number(), value()], () => ['ZREM', key(), ...some(value)], () => ['ZCARD', key()],
    () => ['ZSCORE', key(), value()], () => ['ZRANK', key(), value()], () => ['ZREVRANK', key(), value()],
    () => ['ZRANGE', key(), number(), number(), ...(random(2) ? ['WITHSCORES'] : [])],
    () => ['ZREVRANGE', key(), number(), number()], () => ['ZCOUNT', key(), number(), '(4'],
    () => ['ZRANGEBYSCORE', key(), '(-3', number(), 'WITHSCORES', 'LIMIT', number(), number()],
    () => ['ZREVRANGEBYSCORE', key(), '+inf', number()], () => ['ZRANGE', key(), number(), '5', 'BYSCORE', 'LIMIT', '0', '2'],
    () => ['ZPOPMIN', key()], () => ['ZPOPMAX', key(), number()], () => ['BZPOPMIN', key(), key(), '0.001'],
    () => ['ZREMRANGEBYSCORE', key(), number(), number()], () => ['ZREMRANGEBYRANK', key(), number(), number()],
    () => ['ZMSCORE', key(), ...some(value)], () => ['ZMPOP', '2', key(), key(), pick('MIN', 'MAX'), 'COUNT', number()],
    () => [pick('ZUNION', 'ZINTER'), '2', key(), key(), 'WEIGHTS', '2', number(), 'AGGREGATE', pick('SUM', 'MIN', 'MAX'), 'WITHSCORES'],
    () => ['ZDIFF', '2', key(), key(), 'WITHSCORES'], () => [pick('ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE'), plain(), '2', key(), key()],
    () => ['ZINTERCARD', '2', key(), key(), 'LIMIT', number()], () => ['ZRANGESTORE', plain(), key(), number(), number()],
    () => ['ZRANGE', key(), number(), number(), 'REV', 'WITHSCORES'], () => ['ZLEXCOUNT', key(), '-', '+'],
    () => ['SORT', key(), ...(random(2) ? ['ALPHA'] : []), ...(random(2) ? ['DESC'] : []), ...(random(2) ? ['LIMIT', number(), number()] : [])],
    () => ['SORT', key(), 'ALPHA', 'STORE', plain()],
    () => ['XADD', stream(), pick('*x', '1-1', '5-*', '0-0', String(random(40))), 'f', value()],
    () => ['XLEN', key()], () => ['XRANGE', key(), pick('-', '3', '(1-1'), pick('+', '20', '(7')],
    () => ['XREVRANGE', key(), '+', '-', 'COUNT', number()], () => ['XDEL', key(), String(random(40))],
    () => ['XTRIM', key(), pick('MAXLEN', 'MINID', 'zz'), String(random(9))], () => ['XREAD', 'COUNT', '2', 'STREAMS', key(), number()],
    () => ['XGROUP', 'CREATE', stream(), 'g', pick('$', '0', '3'), ...(random(2) ? ['MKSTREAM'] : [])],
    () => ['XGROUP', 'DESTROY', key(), 'g'], () => ['XACK', key(), 'g', String(random(40))],
    () => ['XREADGROUP', 'GROUP', 'g', pick('c', 'd'), 'COUNT', '2', 'STREAMS', key(), '>'],
    () => ['XREADGROUP', 'GROUP', 'g', pick('c', 'd'), 'COUNT', '3', 'STREAMS', key(), String(random(20))],
    () => ['XAUTOCLAIM', key(), 'g', pick('c', 'd'), '0', pick('0', '4'), 'COUNT', pick('1', '3'), 'JUSTID'],
    // Only a consumer that never reads is created: since Redis 7.2 a read that finds nothing makes its consumer, too.
    () => ['XGROUP', ...pick(['CREATECONSUMER', 'e'], ['DELCONSUMER', 'c'], ['DELCONSUMER', 'd']).toSpliced(1, 0, key(), 'g')], () => ['XGROUP', 'SETID', key(), 'g', pick('0', '3', '$')],
    () => ['XPENDING', key(), 'g'], () => ['XCLAIM', key(), 'g', 'd', '0', String(random(40)), 'JUSTID'],
    () => ['MULTI'], () => ['EXEC'], () => ['DISCARD'], () => ['WATCH', key()], () => ['UNWATCH'], () => ['PING'],
    () => ['ECHO', value()], () => ['nosuch', value()], () => ['GET'], () => ['SELECT', pick(...databases, '16', 'x')],
    () => ['SETEX', key(), pick('100', '0', 'x'), value()], () => ['PSETEX', key(), pick('100000', '-1'), value()],
    () => ['SET', key(), value(), ...pick(['EX', '100'], ['PX', '100000'], ['EXAT', '99999999999'], ['PXAT', '9999999999999'], ['EX', '0'], ['PX', 'x'])],
    () => ['GETEX', plain(), ...(random(2) ? [pick('PERSIST', 'EX', 'zz'), ...(random(2) ? ['100'] : [])] : [])],
    () => ['EXPIREAT', plain(), pick('99999999999', '1', 'x')], () => ['PEXPIREAT', plain(), '99999999999999'],
    () => ['INCRBYFLOAT', key(), pick('1.5', '-0.25', '1e2', 'x', 'nan')], () => ['MSETNX', plain(), value(), plain(), value()], () => ['SETNX', key(), value()],
    () => ['LCS', key(), key(), ...(random(2) ? [pick('LEN', 'IDX', 'WITHMATCHLEN')] : [])], () => ['SUBSTR', key(), number(), number()],
    () => ['LPUSHX', key(), value()], () => ['BRPOP', key(), '0.001'], () => ['BRPOPLPUSH', key(), key(), '0.001'], () => ['BLMPOP', '0.001', '1', key(), side()],
    () => ['HSETNX', key(), value(), value()], () => ['HSTRLEN', key(), value()], () => ['HINCRBYFLOAT', key(), value(), pick('0.5', '2', 'x')], () => ['HSET', key(), value()],
    () => ['MOVE', plain(), pick(...databases, 'x')], () => ['TOUCH', ...some(key)], () => ['UNLINK', key()], () => ['OBJECT', 'nosuch', key()], () => ['XINFO', 'nosuch', key()],
    () => ['XSETID', key(), pick('3', '50-1', 'x')], () => ['XCLAIM', key(), 'g', pick('c', 'd'), '0', String(random(40)), 'FORCE', ...(random(2) ? ['JUSTID'] : []), ...(random(2) ? ['RETRYCOUNT', '3'] : [])],
    () => ['XACK', key(), 'g', String(random(40)), String(random(40))], () => ['XADD', stream(), 'NOMKSTREAM', 'MAXLEN', number(), String(random(60)), 'f', value()],
    () => ['PUBLISH', pick('news', 'other'), value()], () => ['SPUBLISH', 'news', value()], () => ['PUBSUB', 'NUMSUB', 'news', 'other'], () => ['PUBSUB', pick('NUMPAT', 'CHANNELS', 'nosuch')],
    () => ['EXPIRE', plain(), pick('100', '-1', 'x'), ...(random(2) ? [pick('NX', 'XX', 'GT', 'LT', 'no')] : [])], () => ['CLIENT', 'nosuch'], () => ['CONFIG', 'GET', 'nosuch'],
    () => ['OBJECT', 'FREQ', key()],
    () => ['COMMAND', 'GETKEYSANDFLAGS', ...pick(['lmove', key(), key(), 'left', 'right'], ['set', key(), value()], ['sort', key(), 'store', key()])],
    () => ['OBJECT', 'REFCOUNT', 'none'], () => ['SWAPDB', pick(...databases, 'x'), pick(...databases, '16')], () => ['FLUSHDB'],
  ];
  // Flushing and changing the database are rare, so that there is something to find.
  return () => {
    const form = forms[random(forms.length - (random(30) ? 4 : 0))];
    return form();
  };
}

// Two that listen, one to a channel and one to a pattern: what they hear is the same, in the same order.
async function listeners(urls, protocol) {
  const heard = [[], []];
  const raws = [];
  for (const [side, url] of urls.entries()) {
    for (const words of [['SUBSCRIBE', 'news'], ['PSUBSCRIBE', 'n*']]) {
      const raw = new Raw(url);
      raws.push(raw);
      if (protocol === 3) await raw.send(['HELLO', '3']);
      const messages = [await raw.send(words)];
      heard[side].push(messages);
      raw.listen((message) => messages.push(message));
    }
  }
  return { heard, close: () => raws.forEach(({ socket }) => socket.destroy()) };
}

let peer;
before(async () => { peer = await startRedisPeer(); });
after(() => peer?.stop());

for (const protocol of [2, 3]) {
  test(`RESP${protocol}: replies are those of Redis`, { timeout: 60_000 + rounds * 40 }, async (t) => {
    if (!peer) return t.skip('no Redis: install redis-tools, or set REDIS_PEER_URL');
    const [ours, theirs] = [new Raw(process.env.REDIS_URL), new Raw(peer.url)];
    const next = commands(generator(seed + protocol));
    const both = async (words) => Promise.all([ours.send(words), theirs.send(words)]);
    let round = 0;
    const listening = await listeners([process.env.REDIS_URL, peer.url], protocol);
    // Whoever still waits for a reply when the test's time is over would keep the process alive.
    t.signal.addEventListener('abort', () => [ours, theirs].forEach(({ socket }) => socket.destroy()));
    try {
      if (protocol === 3) await both(['HELLO', '3']);
      for (const database of databases) {
        await both(['SELECT', database]);
        await both(['FLUSHDB']);
      }
      const recent = [];
      for (; round < rounds; round++) {
        const words = next();
        recent.push(words.join(' '));
        if (recent.length > 12) recent.shift();
        const [mine, other] = await both(words);
        if (mine.includes(refusedSince72)) {
          await both(['DEL', 'a', 'b', 'c', 'd']);
          continue;
        }
        if (!sameReply(words, mine, other)) assert.equal(mine, other, `SEED=${seed}, round ${round}: ${recent.join(' | ')}`);
      }
      // What was published last may still be on its way; it has come when one more message has.
      const last = ['PUBLISH', 'news', 'the last'];
      await both(['DISCARD']);
      await both(last);
      const done = ({ heard }) => heard.flat().every((messages) => messages.at(-1).includes('the last'));
      while (!done(listening)) {
        t.signal.throwIfAborted();
        await new Promise((resolve) => setImmediate(resolve));
      }
      assert.deepEqual(listening.heard[0], listening.heard[1]);
    } finally {
      listening.close();
      t.diagnostic(`SEED=${seed}: ${round} rounds`);
      ours.socket.destroy();
      theirs.socket.destroy();
    }
  });
}
