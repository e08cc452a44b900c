// Load on a compacted topic: writers that set and delete keys of their own, idempotent producers among them.
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from '../../clients/support/sdk.mjs';
import { within } from '../context.mjs';

const auditMs = 60_000;
const keysOfAWriter = 12;
const refusals = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'CORRUPT_MESSAGE', 'INVALID_RECORD', 'MESSAGE_TOO_LARGE', 'UNSUPPORTED_VERSION', 'INVALID_REQUEST']);
const classify = (error) => (refusals.has(error.type ?? error.cause?.type) ? 'refused' : 'unknown');

export async function load(context) {
  const topic = `${context.prefix}-prices`;
  const kafka = (retries) => new Kafka({ clientId: 'crash', brokers: [context.broker.addresses.kafka], logLevel: logLevel.NOTHING, connectionTimeout: 2000, requestTimeout: 10_000, retry: { retries, initialRetryTime: 30, maxRetryTime: 300 } });
  const admin = kafka(50).admin();
  await admin.connect();
  const settings = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'delete.retention.ms': '2000' };
  await admin.createTopics({ topics: [{ topic, numPartitions: 1, configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })) }] });
  await admin.disconnect();
  const closers = [];
  let numbers = 0;

  function write(name, random) {
    let producer;
    context.loop(async () => {
      try {
        if (!producer) {
          producer = kafka(0).producer({ allowAutoTopicCreation: false, retry: { retries: 0 } });
          await producer.connect();
        }
      } catch {
        producer = undefined;
        await sleep(20);
        return;
      }
      const ops = [];
      const messages = [];
      for (let i = random.between(1, 8); i > 0; i -= 1) {
        const number = (numbers += 1);
        const key = `${name}-${random.below(keysOfAWriter)}`;
        const deletes = random.oneIn(5);
        ops.push(context.history.begin('key.set', { log: topic, key, number, deletes }));
        messages.push({ partition: 0, key, value: deletes ? null : 'p'.repeat(random.below(2000)), headers: { number: String(number) } });
      }
      const [first, ...others] = ops;
      const sent = await context.attempt(first, () => producer.send({ topic, acks: -1, messages }), { classify, result: () => ({}) });
      for (const op of others) {
        if (first.outcome === 'ok') op.ok();
        else if (first.outcome === 'refused') op.refused(first.error);
        else op.unknown(first.error);
      }
      if (sent) return;
      await producer.disconnect().catch(() => {});
      producer = undefined;
    });
    closers.push(() => producer?.disconnect());
  }

  async function readWhole() {
    const client = kafka(50);
    const offsets = client.admin();
    await offsets.connect();
    const [{ high }] = await offsets.fetchTopicOffsets(topic);
    await offsets.disconnect();
    const op = context.history.begin('key.whole', { log: topic });
    const newest = {};
    let last = -1;
    const consumer = client.consumer({ groupId: `${topic}-audit`, maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        for (const { offset, key, headers } of batch.messages) {
          newest[String(key)] = Number(headers.number);
          last = Number(offset);
        }
      },
    });
    try {
      await within(auditMs, `all of ${topic}`, () => last >= Number(high) - 1);
    } finally {
      await consumer.disconnect();
    }
    op.ok({ newest });
  }

  write('w0', context.random.fork());
  write('w1', context.random.fork());
  return {
    async audit() {
      await Promise.all(closers.map((close) => Promise.resolve(close()).catch(() => {})));
      await readWhole();
    },
    judgement: {},
  };
}
