// kafkajs: consumer groups.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '../support/programs.mjs';
import { consume, makeTopic, produce, unique, withAdmin } from './client.mjs';

const values = (from, count) => Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: `${from + i}` }));

test('a group continues where it had committed, another group reads everything', async () => {
  const topic = await makeTopic('resume');
  const groupId = unique('crew');
  await produce(topic, values(0, 10));
  const first = await consume(topic, { groupId });
  await first.until(10);
  await first.stop();
  await produce(topic, values(10, 5));
  const second = await consume(topic, { groupId });
  const audit = await consume(topic, { groupId: unique('audit') });
  await Promise.all([second.until(5), audit.until(15)]);
  await Promise.all([second.stop(), audit.stop()]);
  assert.deepEqual(second.values(), values(10, 5).map(({ value }) => value));
  assert.equal(audit.seen.length, 15);
});

test('manual commits count, and only those', async () => {
  const topic = await makeTopic('manual');
  const groupId = unique('crew');
  await produce(topic, values(0, 6));
  const first = await consume(topic, { groupId, run: { autoCommit: false } });
  await first.until(6);
  await first.consumer.commitOffsets([{ topic, partition: 0, offset: '4', metadata: 'checked' }]);
  await first.stop();
  const [{ partitions }] = await withAdmin((admin) => admin.fetchOffsets({ groupId, topics: [topic] }));
  assert.deepEqual(partitions, [{ partition: 0, offset: '4', metadata: 'checked' }]);
  const second = await consume(topic, { groupId });
  await second.until(2);
  await second.stop();
  assert.deepEqual(second.values(), ['4', '5']);
});

test('two members share the partitions and one takes over when the other leaves', async () => {
  const topic = await makeTopic('shared', 4);
  const groupId = unique('crew');
  const one = await consume(topic, { groupId });
  await waitFor(() => one.assignments.at(-1)?.length === 4, 20_000, () => 'the first member has everything');
  const two = await consume(topic, { groupId });
  await waitFor(() => one.assignments.at(-1).length === 2 && two.assignments.at(-1)?.length === 2, 20_000, () => 'both have half');
  assert.deepEqual([...one.assignments.at(-1), ...two.assignments.at(-1)].sort(), [0, 1, 2, 3]);
  const description = await withAdmin((admin) => admin.describeGroups([groupId]));
  assert.equal(description.groups[0].state, 'Stable');
  assert.equal(description.groups[0].members.length, 2);
  await two.stop();
  await waitFor(() => one.assignments.at(-1).length === 4, 20_000, () => 'the first member has everything again');
  await produce(topic, values(0, 40));
  await one.until(40);
  await one.stop();
});

test('offsets are reset, set, and set to a time', async () => {
  const topic = await makeTopic('replay');
  const groupId = unique('crew');
  await produce(topic, values(0, 5));
  const middle = Date.now() + 1000;
  await produce(topic, values(5, 5).map((message) => ({ ...message, timestamp: String(middle) })));
  const readAll = async (count) => {
    const reader = await consume(topic, { groupId });
    await reader.until(count);
    await reader.stop();
    return reader.values();
  };
  assert.equal((await readAll(10)).length, 10);
  await withAdmin((admin) => admin.resetOffsets({ groupId, topic, earliest: true }));
  assert.equal((await readAll(10)).length, 10);
  await withAdmin((admin) => admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '7' }] }));
  assert.deepEqual(await readAll(3), ['7', '8', '9']);
  await withAdmin(async (admin) => {
    const partitions = await admin.fetchTopicOffsetsByTimestamp(topic, middle);
    assert.equal(partitions[0].offset, '5');
    await admin.setOffsets({ groupId, topic, partitions });
  });
  assert.deepEqual(await readAll(5), ['5', '6', '7', '8', '9']);
});

test('groups are listed and deleted once they are empty', async () => {
  const topic = await makeTopic('groups');
  const reader = await consume(topic);
  await waitFor(() => reader.assignments.length > 0, 20_000, () => 'the member has joined');
  await withAdmin(async (admin) => {
    const { groups } = await admin.listGroups();
    assert.ok(groups.some(({ groupId, protocolType }) => groupId === reader.groupId && protocolType === 'consumer'));
    await assert.rejects(admin.deleteGroups([reader.groupId]));
    await reader.stop();
    await admin.deleteGroups([reader.groupId]);
    const { groups: [left] } = await admin.describeGroups([reader.groupId]);
    assert.equal(left.state, 'Dead');
  });
});
