// kafkajs: administration.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafkajs from 'kafkajs';
import { consume, makeTopic, produce, unique, withAdmin } from './client.mjs';

const { ConfigResourceTypes } = kafkajs;  // CommonJS, which Node cannot take apart by name

test('topics are made once, described, grown and deleted', async () => {
  const topic = unique('admin');
  await withAdmin(async (admin) => {
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }), true);
    assert.equal(await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] }), false);
    await admin.createPartitions({ topicPartitions: [{ topic, count: 5 }] });
    const { topics: [described] } = await admin.fetchTopicMetadata({ topics: [topic] });
    assert.equal(described.partitions.length, 5);
    await admin.deleteTopics({ topics: [topic] });
    assert.ok(!(await admin.listTopics()).includes(topic));
  });
});

test('the cluster is one broker that controls itself', async () => {
  const cluster = await withAdmin((admin) => admin.describeCluster());
  assert.equal(cluster.brokers.length, 1);
  assert.equal(cluster.controller, cluster.brokers[0].nodeId);
});

test('settings are shown with their defaults and can be changed', async () => {
  const topic = await makeTopic('settings');
  await withAdmin(async (admin) => {
    const describe = async () => {
      const { resources: [{ configEntries }] } = await admin.describeConfigs({ includeSynonyms: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] });
      return Object.fromEntries(configEntries.map(({ configName, configValue }) => [configName, configValue]));
    };
    assert.equal((await describe())['cleanup.policy'], 'delete');
    await admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'retention.ms', value: '60000' }] }] });
    assert.equal((await describe())['retention.ms'], '60000');
    await assert.rejects(admin.alterConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configEntries: [{ name: 'cleanup.policy', value: 'compress' }] }] }), { type: 'INVALID_CONFIG' });
  });
});

test('records before an offset are deleted', async () => {
  const topic = await makeTopic('trim');
  for (let i = 0; i < 4; i += 1) await produce(topic, [{ value: `${i}` }]);
  await withAdmin(async (admin) => {
    await admin.fetchTopicOffsets(topic);  // kafkajs deletes only where it knows the leader already
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '3' }] });
    const [{ low, high }] = await admin.fetchTopicOffsets(topic);
    assert.deepEqual([low, high], ['3', '4']);
  });
  const reader = await consume(topic);
  await reader.until(1);
  await reader.stop();
  assert.deepEqual(reader.values(), ['3']);
});
