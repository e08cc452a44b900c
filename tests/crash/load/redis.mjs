// Load on lists (popped, and moved the reliable way) and on a stream with a group.
import { Redis, ReplyError } from '../../clients/support/sdk.mjs';

const claimIdleMs = 1000;
const classify = (error) => (error instanceof ReplyError || error.name === 'ReplyError' ? 'refused' : 'unknown');
const loading = /LOADING/;

export async function load(context) {
  const connections = [];
  const connect = () => {
    const redis = new Redis(context.broker.env.REDIS_URL, { maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false, retryStrategy: () => 30, connectTimeout: 2000, commandTimeout: 10_000 });
    redis.on('error', () => {});  // what matters is what each command is told
    connections.push(redis);
    return redis;
  };
  const names = { jobs: `${context.prefix}:jobs`, moves: `${context.prefix}:moves`, stream: `${context.prefix}:events`, group: 'readers' };
  const { history } = context;
  const admin = connect();
  await admin.xgroup('CREATE', names.stream, names.group, '0', 'MKSTREAM');
  const attempt = (op, call, result = () => ({})) => context.attempt(op, call, { classify, expected: loading, result });
  const value = (id, random) => JSON.stringify({ id, padding: 'z'.repeat(random.below(300)) });
  const idOf = (text) => (text === null ? null : JSON.parse(text).id);
  let numbers = 0;

  function push(list, producer, random) {
    const redis = connect();
    context.loop(async () => {
      const id = `${producer}-${(numbers += 1)}`;
      await attempt(history.begin('list.push', { list, id, producer }), () => redis.rpush(list, value(id, random)));
    });
  }

  function pop(random) {
    const redis = connect();
    context.loop(async () => {
      const op = history.begin('list.pop', { list: names.jobs });
      const blocking = random.oneIn(2);
      await attempt(op, () => (blocking ? redis.blpop(names.jobs, 1) : redis.lpop(names.jobs)), (reply) => ({ id: idOf(Array.isArray(reply) ? reply[1] : reply) }));
    });
  }

  function move(to) {
    const redis = connect();
    context.loop(async () => {
      let text;
      const op = history.begin('list.move', { list: names.moves, to });
      const moved = await attempt(op, () => redis.blmove(names.moves, to, 'LEFT', 'RIGHT', 1), (reply) => { text = reply; return { id: idOf(reply) }; });
      if (moved?.id) await attempt(history.begin('list.remove', { list: to, id: moved.id }), () => redis.lrem(to, 1, text));
    });
  }

  function add(producer, random) {
    const redis = connect();
    context.loop(async () => {
      const id = `${producer}-${(numbers += 1)}`;
      await attempt(history.begin('stream.add', { stream: names.stream, id }), () => redis.xadd(names.stream, '*', 'body', value(id, random)), (entry) => ({ entry }));
    });
  }

  // RESP3 answers with a map of streams, RESP2 with a list of pairs.
  const entriesOf = (reply) => (Array.isArray(reply) ? reply[0][1] : Object.values(reply ?? { none: [] })[0]).map(([entry, fields]) => ({ entry, id: idOf(fields[1]) }));

  async function readNew(redis, consumer, block) {
    const op = history.begin('stream.read', { stream: names.stream, group: names.group, how: 'new' });
    const request = () => redis.xreadgroup('GROUP', names.group, consumer, 'COUNT', 10, ...block, 'STREAMS', names.stream, '>');
    const done = await attempt(op, request, (reply) => ({ entries: reply ? entriesOf(reply) : [] }));
    return done?.entries;
  }

  const acknowledge = (redis, entry) => attempt(history.begin('stream.ack', { stream: names.stream, group: names.group, entry }), () => redis.xack(names.stream, names.group, entry), (count) => ({ count }));

  function consume(consumer, random) {
    const redis = connect();
    context.loop(async () => {
      for (const { entry } of (await readNew(redis, consumer, ['BLOCK', 500])) ?? []) if (!random.oneIn(6)) await acknowledge(redis, entry);
      if (!random.oneIn(5)) return;
      const op = history.begin('stream.read', { stream: names.stream, group: names.group, how: 'claim' });
      const done = await attempt(op, () => redis.xautoclaim(names.stream, names.group, consumer, claimIdleMs, '0-0', 'COUNT', 20), ([, entries]) => ({ entries: entriesOf([[names.stream, entries]]) }));
      for (const { entry } of done?.entries ?? []) if (!random.oneIn(4)) await acknowledge(redis, entry);
    });
  }

  for (const producer of ['a', 'b']) push(names.jobs, producer, context.random.fork());
  push(names.moves, 'c', context.random.fork());
  pop(context.random.fork());
  pop(context.random.fork());
  const workers = ['w1', 'w2'].map((worker) => `${names.moves}:${worker}`);
  for (const worker of workers) move(worker);
  for (const producer of ['d', 'e']) add(producer, context.random.fork());
  for (const consumer of ['one', 'two']) consume(consumer, context.random.fork());

  return {
    async audit() {
      const redis = connect();
      for (const list of [names.jobs, names.moves, ...workers]) history.begin('list.rest', { list }).ok({ ids: (await redis.lrange(list, 0, -1)).map(idOf) });
      while ((await readNew(redis, 'audit', []))?.length) ;
      const whole = await redis.xrange(names.stream, '-', '+');
      history.begin('stream.whole', { stream: names.stream }).ok({ entries: entriesOf([[names.stream, whole]]) });
      const pending = await redis.xpending(names.stream, names.group, '-', '+', 1_000_000);
      history.begin('stream.pending', { stream: names.stream, group: names.group }).ok({ entries: pending.map(([entry]) => entry) });
      for (const connection of connections) connection.disconnect();
    },
    judgement: {},
  };
}
