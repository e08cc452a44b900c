// weir doctor on a broker of its own: what it finds, what it leaves alone, and its exit status.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Redis } from 'ioredis';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { sqs as plainSqs } from '../support/sqs_http.mjs';
import { weir } from './weir.mjs';

const home = temporaryFolder('doctor');
let broker;
before(async () => { broker = await startBroker({ data: home.folder }); });
after(async () => {
  await broker?.stop();
  home.remove();
});

const cli = async (...args) => {
  const { status, err } = await weir(args, { env: broker.env });
  assert.equal(status, 0, `${args.join(' ')}: ${err}`);
};
const doctor = async (...args) => {
  const { status, out, err } = await weir(['doctor', '--json', ...args], { env: broker.env });
  assert.ok(status === 0 || status === 1, err);
  const found = out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  assert.equal(status, found.length > 0 ? 1 : 0);
  return found;
};
const rules = async (...args) => (await doctor(...args)).map(({ rule, subject }) => `${rule} ${subject}`).sort();
const sqs = (action, input) => plainSqs(action, input, broker.env.AWS_ENDPOINT_URL);

test('the doctor tells findings from their evidence, and stays silent without', async (t) => {
  await t.test('an empty broker is well', async () => {
    assert.deepEqual(await rules('--for', '0'), []);
    const { status, out } = await weir(['doctor', '--for', '0'], { env: broker.env });
    assert.deepEqual([status, out], [0, 'nothing found\n']);
  });

  await t.test('retention without a limit is named at once', async () => {
    await cli('topic', 'create', 'forever');
    assert.deepEqual(await rules('--for', '0'), ['retention-without-limit topic forever']);
    await cli('topic', 'set', 'forever', '--retention', '7d');
    assert.deepEqual(await rules('--for', '0'), []);
  });

  await t.test('keys that never come twice are named', async () => {
    await cli('topic', 'create', 'events', '--partitions', '2', '--retention', '7d');
    const lines = Array.from({ length: 200 }, (_, i) => ({ key: `k${i}`, value: `v${i}` }));
    const redis = new Redis(broker.env.REDIS_URL);
    const response = await fetch(`${broker.env.WEIR_URL}/api/v1/topics/events/records`, {
      method: 'POST', body: JSON.stringify({ records: lines }),
    });
    assert.ok(response.ok, await response.text());
    redis.disconnect();
    assert.deepEqual(await rules('--for', '0'), ['keys-random topic events']);
    await cli('topic', 'rm', 'events');
  });

  await t.test('dead letters that nobody reads, and leases that are too short', async () => {
    await cli('queue', 'create', 'dead');
    await cli('queue', 'create', 'jobs', '--lease', '1m', '--max-receives', '1', '--dead-letter', 'dead');
    const { QueueUrl } = await sqs('GetQueueUrl', { QueueName: 'jobs' });
    for (let i = 0; i < 6; ++i) await sqs('SendMessage', { QueueUrl, MessageBody: `job ${i}` });
    const { Messages } = await sqs('ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 });
    assert.equal(Messages.length, 6);
    for (const { ReceiptHandle } of Messages.slice(0, 5)) await sqs('DeleteMessage', { QueueUrl, ReceiptHandle });
    assert.equal((await sqs('ReceiveMessage', { QueueUrl })).Messages ?? null, null);
    assert.deepEqual(await rules('--for', '0'), ['lease-too-short queue jobs'], 'an hour has not passed');
    assert.deepEqual(await rules('--for', '0', '--age', '0'), ['dead-letters-unread queue dead', 'lease-too-short queue jobs']);
    await cli('queue', 'rm', 'jobs');
    assert.deepEqual(await rules('--for', '0', '--age', '0'), []);
  });

  await t.test('pending entries of a consumer that is gone', async () => {
    const redis = new Redis(broker.env.REDIS_URL);
    await redis.xadd('stream', '*', 'a', '1');
    await redis.xgroup('CREATE', 'stream', 'workers', '0');
    await redis.xreadgroup('GROUP', 'workers', 'gone', 'STREAMS', 'stream', '>');
    await cli('topic', 'set', 'stream', '--retention', '7d');
    assert.deepEqual(await rules('--for', '0'), []);
    assert.deepEqual(await rules('--for', '0', '--age', '0'), ['pending-unclaimed group workers of stream']);
    await redis.del('stream');
    redis.disconnect();
  });

  await t.test('a group that only falls behind', async () => {
    await cli('topic', 'create', 'load', '--retention', '7d');
    const redis = new Redis(broker.env.REDIS_URL);
    await redis.xgroup('CREATE', 'load', 'slow', '0');
    let on = true;
    const load = (async () => {
      while (on) {
        const many = redis.pipeline();
        for (let i = 0; i < 200; ++i) many.xadd('load', '*', 'a', '1');
        await many.exec();
      }
    })();
    assert.deepEqual(await rules('--for', '600ms'), ['falls-behind group slow']);
    on = false;
    await load;
    assert.deepEqual(await rules('--for', '600ms'), []);
    redis.disconnect();
  });

  await t.test('what people see', async () => {
    await cli('topic', 'create', 'endless');
    const { status, out } = await weir(['doctor', '--for', '0'], { env: broker.env });
    assert.equal(status, 1);
    assert.match(out, /^retention-without-limit: topic endless\n {2}seen: .*\n {2}try: {2}weir topic set endless --retention 30d/);
    assert.match(out, /\n1 finding\n$/);
  });
});

test('a broker that cannot be reached is status 2', async () => {
  const { status, err } = await weir(['doctor', '--url', 'http://127.0.0.1:1']);
  assert.equal(status, 2);
  assert.match(err, /no broker at http:\/\/127\.0\.0\.1:1; start one with weir serve/);
});
