// kafkajs: compacted topics. A topic of updates ends as the map of the newest values, deletions
// included, while offsets stay what they were.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafkajs from 'kafkajs';
import { consume, kafka, makeTopic, produce, unique, withAdmin } from './client.mjs';
import { waitFor } from '../support/programs.mjs';

const { CompressionTypes, ConfigResourceTypes } = kafkajs;

async function makeCompacted(name, settings = {}) {
  const topic = unique(name);
  const configEntries = Object.entries({
    'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', ...settings,
  }).map(([key, value]) => ({ name: key, value }));
  await withAdmin((admin) => admin.createTopics({ waitForLeaders: true, topics: [{ topic, numPartitions: 1, configEntries }] }));
  return topic;
}

// Everything that a new consumer finds from the beginning to the end of now.
async function readAll(topic) {
  const [{ high }] = await withAdmin((admin) => admin.fetchTopicOffsets(topic));
  const reader = await consume(topic);
  try {
    await waitFor(() => reader.seen.at(-1)?.offset === Number(high) - 1, 30_000, () => `offset ${high - 1} (at ${reader.seen.at(-1)?.offset})`);
  } finally {
    await reader.stop();
  }
  return reader.seen;
}

for (const [name, compression] of [['plain', CompressionTypes.None], ['gzip', CompressionTypes.GZIP]]) {
  test(`the newest value of each key is left, ${name}`, async () => {
    const topic = await makeCompacted(`compact-${name}`, { 'delete.retention.ms': '3600000' });
    const newest = new Map();
    const producer = kafka().producer({ idempotent: true });
    await producer.connect();
    let sent = 0;
    for (let round = 0; round < 30; round += 1) {
      const messages = [];
      for (let key = 0; key < 20; key += 1) {
        const value = key === 7 && round === 29 ? null : `${round}/${key}`;
        messages.push({ key: `key-${key}`, value });
        newest.set(`key-${key}`, value);
      }
      await producer.send({ topic, acks: -1, compression, messages });
      sent += messages.length;
    }
    // What was appended last is left alone, so something follows.
    await producer.send({ topic, acks: -1, messages: [{ key: 'end', value: 'end' }] });
    newest.set('end', 'end');
    await producer.disconnect();
    let seen;
    await waitFor(async () => {
      seen = await readAll(topic);
      return seen.length === newest.size;
    }, 60_000, () => `${newest.size} records (${seen?.length})`);
    assert.deepEqual(new Map(seen.map(({ key, value }) => [key, value])), newest);
    assert.deepEqual(seen.map(({ offset }) => offset), [...Array(20).keys()].map((i) => sent - 20 + i).concat(sent));
  });
}

test('keys are asked for, and deletion of records is not a thing of compacted topics', async () => {
  const topic = await makeCompacted('keys');
  await assert.rejects(produce(topic, [{ value: 'no key' }]), /INVALID_RECORD|invalid|rejected/i);
  await produce(topic, [{ key: 'a', value: '1' }]);
  await withAdmin(async (admin) => {
    await admin.fetchTopicOffsets(topic);
    await assert.rejects(admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] }));
    const other = await makeTopic('later');
    await admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: other, configEntries: [{ name: 'cleanup.policy', value: 'compact,delete' }] }] });
    await assert.rejects(produce(other, [{ value: 'no key' }]));
  });
});
