// One record under every protocol: what docs/interop.md says, asked of the real programs, with SQS in its plain HTTP form.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { json, run, unused } from '../cli/weir.mjs';
import { sqs } from '../support/sqs_http.mjs';

const missing = ['redis-cli', 'kcat'].filter((program) => spawnSync('which', [program]).status !== 0);
missing.push(...['AWS_ENDPOINT_URL', 'KAFKA_BROKERS', 'REDIS_URL'].filter((name) => !process.env[name]));
const skip = missing.length > 0 && `without ${missing.join(', ')}`;

function program(name, args, input) {
  const { status, stdout, stderr } = spawnSync(name, args, { input, encoding: 'utf8', timeout: 30_000 });
  assert.equal(status, 0, `${name} ${args.join(' ')}\n${stdout}${stderr}`);
  return stdout;
}

// Replies as redis-cli prints them for machines: one value.
const redis = (...args) => JSON.parse(program('redis-cli', ['-u', process.env.REDIS_URL, '--json', ...args]));
const fields = ([, pairs]) => pairs;
// [{ partition, offset, key, payload, headers, ts }]
const kafka = (topic) => program('kcat', ['-b', process.env.KAFKA_BROKERS, '-C', '-t', topic, '-e', '-q', '-J'])
  .split('\n').filter(Boolean).map((line) => JSON.parse(line));
const intoKafka = (topic, value, ...args) =>
  program('kcat', ['-b', process.env.KAFKA_BROKERS, '-P', '-t', topic, ...args], value);

// Made here, not by Redis: the Redis tests flush what Redis made, at any time.
async function topic(...args) {
  const name = unused('topic');
  await run(['topic', 'create', name, ...args]);
  return name;
}

async function received(queue) {
  const { Messages = [] } = await sqs('ReceiveMessage', {
    QueueUrl: queue, MaxNumberOfMessages: 10, WaitTimeSeconds: 5, AttributeNames: ['All'], MessageAttributeNames: ['All'],
  });
  return Messages;
}

test('Interop.AnEntryOfAStreamWithKeyAndValueIsAPlainKafkaRecord', { skip }, async () => {
  const name = await topic();
  redis('XADD', name, '*', 'key', 'k', 'value', 'v', 'h:kind', 'order');
  const [record] = kafka(name);
  assert.deepEqual([record.key, record.payload, record.headers], ['k', 'v', ['kind', 'order']]);
});

test('Interop.AnyOtherFieldsOfAnEntryAreHeaders', { skip }, async () => {
  const name = await topic();
  redis('XADD', name, '*', 'item', 'book', 'item', 'pen');
  const [record] = kafka(name);
  assert.deepEqual([record.key, record.payload, record.headers], [null, null, ['item', 'book', 'item', 'pen']]);
  assert.deepEqual(fields(redis('XRANGE', name, '-', '+')[0]), ['item', 'book', 'item', 'pen']);
});

test('Interop.AKafkaRecordIsAnEntryAndARecordOfTheCommandLine', { skip }, async () => {
  const name = await topic();
  intoKafka(name, 'v', '-k', 'k', '-H', 'kind=order', '-z', 'gzip');
  assert.deepEqual(fields(redis('XRANGE', name, '-', '+')[0]), ['key', 'k', 'value', 'v', 'h:kind', 'order']);
  const [record] = await json(['tail', name]);
  assert.deepEqual([record.key, record.value, record.headers], ['k', 'v', [{ name: 'kind', value: 'order' }]]);
});

test('Interop.PartitionsAreStreamsOfTheirOwn', { skip }, async () => {
  const name = await topic('--partitions', '2');
  intoKafka(name, 'v', '-p', '1');
  assert.deepEqual(redis('XLEN', `${name}:{0}`), 0);
  assert.deepEqual(fields(redis('XRANGE', `${name}:{1}`, '-', '+')[0]), ['value', 'v']);
});

test('Interop.AMessageIsARecordAndAnEntry', { skip }, async () => {
  const queue = unused('queue');
  await sqs('CreateQueue', { QueueName: queue });
  await sqs('SendMessage', {
    QueueUrl: queue, MessageBody: 'body', MessageAttributes: { n: { DataType: 'Number', StringValue: '7' } },
  });
  const [record] = kafka(queue);
  assert.deepEqual([record.partition, record.offset, record.key, record.payload], [0, 0, null, 'body']);
  assert.deepEqual(record.headers, ['n', '7', 'weir.type:n', 'Number']);
  assert.deepEqual(fields(redis('XRANGE', queue, '-', '+')[0]), ['value', 'body', 'h:n', '7', 'h:weir.type:n', 'Number']);
});

test('Interop.WhatIsWrittenToAQueueThroughAnyProtocolIsAMessage', { skip }, async () => {
  const queue = unused('queue');
  await run(['queue', 'create', queue]);
  redis('XADD', queue, '*', 'value', 'from redis', 'h:kind', 'a');
  intoKafka(queue, 'from kafka', '-k', 'g');
  await run(['produce', queue, 'from the command line']);
  const messages = [];
  while (messages.length < 3) {
    const more = await received(queue);
    assert.ok(more.length > 0, 'a message is missing');
    messages.push(...more);
  }
  assert.deepEqual(messages.map(({ Body }) => Body), ['from redis', 'from kafka', 'from the command line']);
  assert.equal(messages[0].MessageAttributes.kind.StringValue, 'a');
  assert.equal(messages[1].Attributes.MessageGroupId, 'g');
  for (const { ReceiptHandle } of messages) await sqs('DeleteMessage', { QueueUrl: queue, ReceiptHandle });
});

test('Interop.ADeletedMessageIsReadableWhileItsHistoryIsKept', { skip }, async () => {
  const queue = unused('queue');
  await run(['queue', 'create', queue, '--history', '1h']);
  await sqs('SendMessage', { QueueUrl: queue, MessageBody: 'done' });
  const [message] = await received(queue);
  await sqs('DeleteMessage', { QueueUrl: queue, ReceiptHandle: message.ReceiptHandle });
  assert.deepEqual(kafka(queue).map(({ payload }) => payload), ['done']);
  assert.deepEqual(fields(redis('XRANGE', queue, '-', '+')[0]), ['value', 'done']);
});

test('Interop.ANameIsOneThing', { skip }, async () => {
  const name = await topic();
  const { stdout } = spawnSync('redis-cli', ['-u', process.env.REDIS_URL, 'RPUSH', name, 'x'], { encoding: 'utf8' });
  assert.match(stdout, /WRONGTYPE/);
  assert.equal(redis('TYPE', name), 'stream');
});

test('Interop.AnAttributeIsThePriorityOfAMessage', { skip }, async () => {
  const name = unused('queue');
  await run(['queue', 'create', name, '--priorities', '10']);
  const { QueueUrl } = await sqs('GetQueueUrl', { QueueName: name });
  const send = (MessageBody, StringValue) => sqs('SendMessage', {
    QueueUrl, MessageBody, MessageAttributes: StringValue && { 'weir.priority': { DataType: 'Number', StringValue } },
  });
  await send('none');
  await send('four', '4');
  await run(['produce', name, 'nine', '--priority', '9']);
  await send('four again', '4');
  const bodies = [];
  for (let i = 0; i < 4; i++) {
    const [{ Body, MessageAttributes }] = (await sqs('ReceiveMessage',
      { QueueUrl, MaxNumberOfMessages: 1, WaitTimeSeconds: 5, MessageAttributeNames: ['weir.*'] })).Messages;
    bodies.push([Body, MessageAttributes?.['weir.priority'].StringValue]);
  }
  assert.deepEqual(bodies, [['nine', '9'], ['four', '4'], ['four again', '4'], ['none', undefined]]);
  assert.match(program('redis-cli', ['-u', process.env.REDIS_URL, 'XADD', name, '*', 'value', 'x']), /send to it as to a queue/);
});
