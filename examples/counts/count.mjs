// Counts page views by minute, as they come, and stays exact whatever is killed.
//
// One transaction writes the counts and the offset up to which they count. So after a crash the offset says what is in the counts
// already: records below it come again and are passed over. The group's own commit comes now and then; nothing depends on it.
// WATCH guards against a second counter: when somebody else moved the offset meanwhile, EXEC does nothing.
import Redis from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';

const topic = 'page-views';
const offsets = 'page-views:offsets';  // by partition: the next record to count
// A transaction whose answer was lost must not be sent again without looking at the offset first.
const redis = new Redis(process.env.REDIS_URL, { lazyConnect: true, autoResendUnfulfilledCommands: false, enableOfflineQueue: false });
const retry = { retries: 50, maxRetryTime: 500 };
const kafka = new Kafka({ clientId: 'counter', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING, retry });
const consumer = kafka.consumer({ groupId: 'counter', sessionTimeout: 6000, heartbeatInterval: 500, retry });
redis.on('error', () => {});  // it connects again by itself
process.once('SIGTERM', async () => { await consumer.disconnect(); redis.disconnect(); process.exit(0); });

function countByMinute(messages) {
  const counts = new Map();  // "minute page": views
  for (const { timestamp, value } of messages) {
    const minute = new Date(Number(timestamp)).toISOString().slice(0, 16);
    const name = `${minute} ${JSON.parse(value).page}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

async function count({ partition, messages }) {
  await redis.watch(offsets);
  const next = BigInt(await redis.hget(offsets, partition) ?? 0);
  const fresh = messages.filter(({ offset }) => BigInt(offset) >= next);
  const transaction = redis.multi();
  for (const [name, views] of countByMinute(fresh)) transaction.hincrby('page-views:counts', name, views);
  if (fresh.length > 0) transaction.hset(offsets, partition, String(BigInt(fresh.at(-1).offset) + 1n));
  if (await transaction.exec() === null) throw new Error('somebody else counts, too');  // the batch comes again
  console.log(`counted ${fresh.length}, passed over ${messages.length - fresh.length}`);
}

await redis.connect();
await consumer.connect();
await consumer.subscribe({ topics: [topic], fromBeginning: true });
await consumer.run({ autoCommitInterval: 2000, eachBatch: ({ batch }) => count(batch) });
