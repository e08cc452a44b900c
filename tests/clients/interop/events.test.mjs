// Event sourcing through HTTP, the command line and Kafka: versions, conflicts, repetitions, snapshots, subscriptions.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { json, lines, run, unused, weir } from '../cli/weir.mjs';
import { makeTopic, produce, withAdmin } from '../kafka/client.mjs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { waitFor } from '../support/programs.mjs';

async function ask(method, path, body, base = process.env.WEIR_URL) {
  const response = await fetch(`${base}/api/v1/${path}`, { method, body: body && JSON.stringify(body) });
  return { status: response.status, ...await response.json() };
}

async function topic() {
  const name = unused('orders');
  await run(['topic', 'create', name, '--events']);
  return name;
}

const append = (name, ...events) => ask('POST', `topics/${name}/events`, { events });
const versions = ({ events }) => events.map(({ version }) => version);

test('an append stands only on the version that it expects, and the error tells the present one', async () => {
  const name = await topic();
  const first = await append(name, { key: 'o/1', value: 'placed', type: 'Placed', expected: 'none' });
  assert.equal(first.status, 201);
  assert.deepEqual(first.events, [{ key: 'o/1', version: 0, position: 0 }]);
  assert.equal((await append(name, { key: 'o/1', value: 'paid', expected: 0 })).status, 201);
  const refused = await append(name, { key: 'o/1', value: 'sent', expected: 0 });
  assert.equal(refused.status, 409);
  assert.deepEqual({ ...refused.error, message: undefined }, { code: 'version_conflict', message: undefined, key: 'o/1', expected: '0', current: 1 });
  assert.equal((await append(name, { key: 'new', value: 'x', expected: 'exists' })).error.current, undefined);
  const read = await ask('GET', `topics/${name}/keys/o%2F1/events`);
  assert.deepEqual(read.events.map(({ value }) => value), ['placed', 'paid']);
  assert.equal(read.version, 1);
});

test('events of several keys are stored together or not at all', async () => {
  const name = await topic();
  await append(name, { key: 'a', value: '1' });
  assert.equal((await append(name, { key: 'b', value: '1', expected: 'none' }, { key: 'a', value: '2', expected: 'none' })).status, 409);
  assert.equal((await ask('GET', `topics/${name}/keys/b/events`)).version, undefined);
  const both = await append(name, { key: 'b', value: '1', expected: 'none' }, { key: 'a', value: '2', expected: 0 });
  assert.deepEqual(versions(both), [0, 1]);
});

test('a repeated append answers what the first answered', async () => {
  const name = await topic();
  const events = [{ key: 'a', value: '1', id: 'e1', expected: 'none' }, { key: 'b', value: '1', id: 'e2' }];
  const first = await append(name, ...events);
  const again = await append(name, ...events);
  assert.deepEqual([first.status, first.duplicate, again.status, again.duplicate], [201, false, 200, true]);
  assert.deepEqual(again.events, first.events);
  assert.equal((await append(name, { key: 'c', value: '1', id: 'e2' })).status, 400);
});

test('a key is read in both directions, and its state is the latest snapshot with what came after', async () => {
  const name = await topic();
  for (let i = 0; i < 6; i += 1) await append(name, { key: 'a', value: `v${i}` });
  const page = await ask('GET', `topics/${name}/keys/a/events?from=1&limit=2`);
  assert.deepEqual([versions(page), page.next], [[1, 2], 3]);
  const back = await ask('GET', `topics/${name}/keys/a/events?direction=backwards&limit=2`);
  assert.deepEqual([versions(back), back.next], [[5, 4], 3]);
  await run(['event', 'snapshot', name, 'a', 'sum', '--version', '3']);
  const state = await ask('GET', `topics/${name}/keys/a/state`);
  assert.deepEqual(state.snapshot, { version: 3, value: 'sum' });
  assert.deepEqual(versions(state), [4, 5]);
  assert.equal((await ask('PUT', `topics/${name}/keys/a/snapshot`, { version: 6, value: 'x' })).status, 400);
});

test('a subscription catches up and then follows, by key prefix and type', async () => {
  const name = await topic();
  await append(name, { key: 'o-1', value: 'a', type: 'Placed' }, { key: 'x-1', value: 'b', type: 'Placed' }, { key: 'o-1', value: 'c', type: 'Paid' });
  const caught = await ask('GET', `topics/${name}/events?prefix=o-&type=Placed`);
  assert.deepEqual(caught.events.map(({ value }) => value), ['a']);
  assert.equal(caught.next, 3);
  const live = ask('GET', `topics/${name}/events?from=${caught.next}&prefix=o-&type=Placed&wait_ms=20000`);
  await append(name, { key: 'x-2', value: 'd', type: 'Placed' });
  await append(name, { key: 'o-2', value: 'e', type: 'Placed' });
  assert.deepEqual((await live).events.map(({ value, version }) => [value, version]), [['e', 0]]);
  const follow = weir(['event', 'all', name, '--follow', '-n', '6']);
  await append(name, { key: 'o-3', value: 'f' });
  assert.equal(lines((await follow).out).length, 6);
});

test('of writers that expect the same version exactly one wins each', async () => {
  const name = await topic();
  const won = [];
  await Promise.all(Array.from({ length: 8 }, async (_, writer) => {
    for (let expected = 'none'; expected === 'none' || expected < 20;) {
      const answer = await append(name, { key: 'k', value: `${writer}`, expected });
      if (answer.status === 201) won.push(answer.events[0].version);
      expected = answer.status === 201 ? answer.events[0].version : answer.error.current;
    }
  }));
  assert.deepEqual(won.sort((a, b) => a - b), [...won.keys()]);
  const read = await ask('GET', `topics/${name}/keys/k/events?limit=1000`);
  assert.equal(read.events.length, won.length);
});

test('the command line appends, reads and refuses', async () => {
  const name = await topic();
  assert.equal((await weir(['event', 'append', name, 'o-1', 'placed', '--type', 'Placed', '--expected', 'none'])).err, 'stored as version 0 of o-1, position 0\n');
  const refused = await weir(['event', 'append', name, 'o-1', 'again', '--expected', 'none']);
  assert.equal(refused.status, 1);
  assert.match(refused.err, /expected version none, but it has version 0/);
  assert.equal(await run(['event', 'read', name, 'o-1']), '0\to-1\t0\tPlaced\tplaced\n');
  assert.equal((await json(['event', 'state', name, 'o-1']))[0].version, 0);
  assert.equal((await weir(['event', 'append', name, 'o-1', 'x', '--expected', 'soon'])).status, 2);
});

test('versions are described, can be given up, and are counted again', async () => {
  const name = await topic();
  await append(name, { key: 'a', value: '1' }, { key: 'a', value: '2' }, { key: 'b', value: '1' });
  const { versions: state } = await ask('GET', `topics/${name}`);
  assert.deepEqual([state.state, state.keys, state.counted_to, state.problem], ['ready', 2, 3, undefined]);
  assert.ok(state.bytes > 0);
  assert.match(await run(['topic', 'describe', name]), /versions +of 2 keys, index /);
  await run(['topic', 'set', name, '--no-events']);
  const plain = await ask('GET', `topics/${name}`);
  assert.deepEqual([plain.events, plain.versions], [false, undefined]);
  assert.equal((await append(name, { key: 'a', value: '3' })).status, 400);
  await run(['produce', name, '3', '--key', 'a']);
  await run(['topic', 'set', name, '--events']);
  await waitFor(async () => (await ask('GET', `topics/${name}`)).versions.state === 'ready', 10_000, () => 'the versions');
  assert.equal((await append(name, { key: 'a', value: '4', expected: 2 })).status, 201);
  assert.equal((await weir(['topic', 'set', name, '--events', '--no-events'])).status, 2);
});

test('Kafka producers expect versions by headers, and the batch is one', async () => {
  const name = await makeTopic('orders', 1, [{ name: 'weir.events', value: 'true' }]);
  const message = (key, expected, id) => ({ key, value: 'v', headers: { 'weir-expected-version': expected, ...(id && { 'weir-event-id': id }) } });
  const [first] = await produce(name, [message('a', 'none', 'k1'), message('b', 'none', 'k2')]);
  const [again] = await produce(name, [message('a', 'none', 'k1'), message('b', 'none', 'k2')]);
  assert.equal(again.baseOffset, first.baseOffset);
  await assert.rejects(produce(name, [message('c', 'none'), message('a', '7')]), { type: 'INVALID_RECORD' });
  // A program that was started again has another producer id.
  const last = [message('a', '0', 'k3')];
  const [third] = await produce(name, last, { idempotent: true });
  const [repeated] = await produce(name, last, { idempotent: true });
  assert.equal(repeated.baseOffset, third.baseOffset);
  await produce(name, [message('a', '1'), { key: 'b', value: 'no header at all' }]);
  const read = await ask('GET', `topics/${name}/keys/b/events`);
  assert.deepEqual(versions(read), [0, 1]);
  assert.equal((await ask('GET', `topics/${name}/keys/c/events`)).version, undefined);
  await assert.rejects(withAdmin((admin) => admin.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] })));
  await assert.rejects(makeTopic('orders', 2, [{ name: 'weir.events', value: 'true' }]));
});

test('what was acknowledged has its version after kill -9', async () => {
  const { folder, remove } = temporaryFolder('events');
  const broker = await startBroker({ data: join(folder, 'data') });
  try {
    const base = broker.env.WEIR_URL;
    await ask('POST', 'topics', { name: 't', events: true }, base);
    const acknowledged = [];
    const writer = (async () => {
      for (let i = 0; ; i += 1) {
        const answer = await ask('POST', 'topics/t/events', { events: [{ key: `k${i % 5}`, value: `${i}`, id: `${i}` }] }, base).catch(() => null);
        if (!answer) return;
        acknowledged.push({ ...answer.events[0], value: `${i}` });
      }
    })();
    await waitFor(() => acknowledged.length >= 300, 30_000, () => `${acknowledged.length} of 300 events`);
    await broker.kill();
    await writer;
    await broker.restart();
    await waitFor(async () => (await ask('GET', 'topics/t/keys/k0/events', undefined, base)).status === 200, 10_000, () => 'the versions');
    for (const key of ['k0', 'k1', 'k2', 'k3', 'k4']) {
      const { events } = await ask('GET', `topics/t/keys/${key}/events?limit=1000`, undefined, base);
      for (const { version, value } of acknowledged.filter((one) => one.key === key)) assert.equal(events[version].value, value);
    }
    const last = acknowledged.at(-1);
    const again = await ask('POST', 'topics/t/events', { events: [{ key: last.key, value: last.value, id: last.value }] }, base);
    assert.deepEqual([again.duplicate, again.events[0].version], [true, last.version]);
  } finally {
    await broker.kill();
    remove();
  }
});

test('what is no event is refused with a reason', async () => {
  const name = await topic();
  for (const [events, reason] of [
    [[], /1 to 1000/], [[{ value: 'x' }], /key/], [[{ key: 'a', expected: 'soon' }], /any, none, exists or a version/],
    [[{ key: 'a', expected: -1 }], /expected/], [[{ key: 'a', id: '' }], /weir-event-id/], [[{ key: 'a', version: 3 }], /version/],
    [[{ key: 'a', headers: [{ name: 'weir-event-id', value: 'x' }] }], /member of its own/],
  ]) {
    const answer = await ask('POST', `topics/${name}/events`, { events });
    assert.equal(answer.status, 400, JSON.stringify(events));
    assert.match(answer.error.message, reason);
  }
  const plain = unused('plain');
  await run(['topic', 'create', plain]);
  assert.equal((await append(plain, { key: 'a', value: 'x' })).status, 400);
  assert.equal((await ask('GET', `topics/${plain}/events`)).status, 400);
  assert.equal((await ask('POST', 'topics', { name: unused('t'), events: true, partitions: 2 })).status, 400);
  assert.equal((await ask('PATCH', `topics/${name}`, { retention_ms: 1000 })).status, 400);
});
