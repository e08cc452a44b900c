// kafkajs: producing and consuming.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CompressionTypes } from 'kafkajs';
import { consume, kafka, makeTopic, produce, unique, withAdmin } from './client.mjs';

const numbered = (count) => Array.from({ length: count }, (_, i) => ({ key: `key-${i % 5}`, value: `value-${i}` }));

test('what is produced is consumed, in order, with key, headers and timestamp', async () => {
  const topic = await makeTopic('records');
  const timestamp = String(Date.now() - 1000);
  await produce(topic, [{ key: 'a', value: 'one', headers: { source: 'test', many: ['x', 'y'] }, timestamp }, { value: 'two' }, { key: 'gone', value: null }]);
  const reader = await consume(topic);
  await reader.until(3);
  await reader.stop();
  assert.deepEqual(reader.values(), ['one', 'two', null]);
  assert.deepEqual(reader.seen.map(({ offset }) => offset), [0, 1, 2]);
  assert.equal(reader.seen[0].key, 'a');
  assert.equal(reader.seen[0].timestamp, timestamp);
  assert.equal(String(reader.seen[0].headers.source), 'test');
  assert.deepEqual(reader.seen[0].headers.many.map(String), ['x', 'y']);
  assert.equal(reader.seen[1].key, null);
});

test('records of one key stay in order over several partitions', async () => {
  const topic = await makeTopic('keyed', 4);
  const messages = numbered(200);
  for (let i = 0; i < messages.length; i += 20) await produce(topic, messages.slice(i, i + 20));
  const reader = await consume(topic);
  await reader.until(200);
  await reader.stop();
  for (let k = 0; k < 5; k += 1) {
    const mine = reader.seen.filter(({ key }) => key === `key-${k}`);
    assert.equal(new Set(mine.map(({ partition }) => partition)).size, 1);
    assert.deepEqual(mine.map(({ value }) => value), messages.filter(({ key }) => key === `key-${k}`).map(({ value }) => value));
  }
});

test('gzip batches come back as they went', async () => {
  const topic = await makeTopic('gzip');
  const producer = kafka().producer();
  await producer.connect();
  await producer.send({ topic, compression: CompressionTypes.GZIP, messages: numbered(100) });
  await producer.disconnect();
  const reader = await consume(topic);
  await reader.until(100);
  await reader.stop();
  assert.deepEqual(reader.values(), numbered(100).map(({ value }) => value));
});

test('an idempotent producer writes each record once', async () => {
  const topic = await makeTopic('idempotent');
  const producer = kafka().producer({ idempotent: true, maxInFlightRequests: 1 });
  await producer.connect();
  for (let i = 0; i < 10; i += 1) await producer.send({ topic, messages: [{ value: `${i}` }] });
  await producer.disconnect();
  const reader = await consume(topic);
  await reader.until(10);
  await reader.stop();
  assert.deepEqual(reader.values(), Array.from({ length: 10 }, (_, i) => `${i}`));
});

test('without acknowledgements records arrive all the same', async () => {
  const topic = await makeTopic('acks0');
  const producer = kafka().producer();
  await producer.connect();
  for (let i = 0; i < 5; i += 1) await producer.send({ topic, acks: 0, messages: [{ value: `${i}` }] });
  const [{ baseOffset }] = await producer.send({ topic, acks: 1, messages: [{ value: 'last' }] });
  await producer.disconnect();
  assert.equal(baseOffset, '5');
});

test('a topic is made when a producer asks for it', async () => {
  const topic = unique('on-demand');
  await produce(topic, [{ value: 'first' }]);
  assert.ok((await withAdmin((admin) => admin.listTopics())).includes(topic));
});

test('a record above the topic\'s limit is refused', async () => {
  const topic = await makeTopic('small', 1, [{ name: 'max.message.bytes', value: '1000' }]);
  await assert.rejects(produce(topic, [{ value: 'x'.repeat(5000) }]), { type: 'MESSAGE_TOO_LARGE' });
});

test('a large record passes whole', async () => {
  const topic = await makeTopic('large', 1, [{ name: 'max.message.bytes', value: '20000000' }]);
  const value = 'weir'.repeat(2_000_000);
  await produce(topic, [{ value }]);
  const reader = await consume(topic, { maxBytes: 1024 });
  await reader.until(1);
  await reader.stop();
  assert.equal(reader.seen[0].value === value, true);
});
