// Tries to get rid of the audit log, as whoever has something to hide would: through Kafka, Redis and the command line.
import { execFileSync } from 'node:child_process';
import Redis from 'ioredis';
import { Kafka, logLevel } from 'kafkajs';

const topic = 'transfer-audit';
const admin = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
const redis = new Redis(process.env.REDIS_URL);
const weir = async (...args) => execFileSync(process.env.WEIR ?? 'weir', args, { stdio: ['ignore', 'ignore', 'pipe'] });
const configure = (name, value) => admin.alterConfigs({ resources: [{ type: 2, name: topic, configEntries: [{ name, value }] }] });

await admin.connect();
const attempts = {
  'delete the topic': () => admin.deleteTopics({ topics: [topic] }),
  'delete its records': () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] }),
  'keep them for a second only': () => configure('retention.ms', '1000'),
  'end the lock': () => configure('retention.lock', '1'),
  'compact it': () => configure('cleanup.policy', 'compact'),
  'DEL it': () => redis.del(topic),
  'trim it': () => redis.xtrim(topic, 'MAXLEN', 0),
  'let it expire': () => redis.expire(topic, 1),
  'remove it on the host': () => weir('topic', 'rm', topic),
  'shorten its lock on the host': () => weir('topic', 'set', topic, '--retention-lock', '1ms'),
};
for (const [what, attempt] of Object.entries(attempts)) {
  const outcome = await attempt().then(() => 'DONE', () => 'refused');
  console.log(`${outcome}: ${what}`);
}
await admin.disconnect();
await redis.quit();
