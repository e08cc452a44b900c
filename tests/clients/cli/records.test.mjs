// weir produce and weir tail.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json, lines, run, unused, weir } from './weir.mjs';

async function topic(...options) {
  const name = unused('topic');
  await run(['topic', 'create', name, ...options]);
  return name;
}

test('a record keeps its key, value, headers and partition', async () => {
  const name = await topic('--partitions', '3');
  const stored = await weir(['produce', name, '{"user":7}', '--key', '7', '--header', 'type=login', '--header', 'a=b=c', '--partition', '2']);
  assert.deepEqual(stored, { status: 0, out: '', err: `stored in ${name}, partition 2, offset 0\n` });
  const [record] = await json(['tail', name]);
  assert.equal(record.partition, 2);
  assert.equal(record.key, '7');
  assert.equal(record.value, '{"user":7}');
  assert.deepEqual(record.headers, [{ name: 'type', value: 'login' }, { name: 'a', value: 'b=c' }]);
  assert.equal(await run(['tail', name, '--format', '%t/%p/%o %k %h\\n']), `${name}/2/0 7 type=login,a=b=c\n`);
});

test('each line of standard input is a record', async () => {
  const name = await topic();
  const many = Array.from({ length: 1203 }, (_, i) => `line ${i}`);
  assert.equal((await weir(['produce', name, '-'], { input: many.join('\n') })).err, `stored 1203 records in ${name}\n`);
  assert.deepEqual(lines(await run(['tail', name, '--from', 'start'])), many);
  assert.deepEqual(lines(await run(['tail', name])), many.slice(-10));
  assert.deepEqual(lines(await run(['tail', name, '-n', '3'])), many.slice(-3));
  assert.deepEqual(lines(await run(['tail', name, '--from', '700', '-n', '2'])), many.slice(700, 702));
  assert.equal(await run(['tail', name, '--from', 'end']), '');
});

test('bytes that are no text come out as they went in', async () => {
  const name = await topic();
  const bytes = Buffer.from([0, 255, 128, 7, 195]);
  await run(['produce', name], { input: Buffer.concat([bytes, Buffer.from('\n')]) });
  const out = await run(['tail', name, '--format', '%v'], { binary: true });
  assert.deepEqual(out, bytes);
});

test('tail --follow shows what arrives in any partition', async () => {
  const name = await topic('--partitions', '2');
  await run(['produce', name, 'before', '--partition', '0']);
  const tail = weir(['tail', name, '--follow', '--from', 'start', '-n', '3']);
  await new Promise((seen) => tail.child.stdout.once('data', seen));
  await run(['produce', name, 'one', '--partition', '1']);
  await run(['produce', name, 'two', '--partition', '0']);
  const { status, out } = await tail;
  assert.equal(status, 0);
  assert.deepEqual(lines(out).sort(), ['before', 'one', 'two']);
});

test('the log of a queue is shown without taking anything off', async () => {
  const queue = unused('queue');
  await run(['queue', 'create', queue]);
  const [sent] = await json(['produce', queue, 'job']);
  assert.match(sent.message_id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  assert.deepEqual(lines(await run(['tail', queue])), ['job']);
  assert.equal((await json(['queue', 'describe', queue]))[0].ready, 1);
});

test('what cannot be stored is refused in words', async () => {
  const name = await topic();
  const refused = await weir(['produce', name, 'x', '--partition', '5']);
  assert.deepEqual(refused, { status: 1, out: '', err: `weir: ${name} has the partitions 0 to 0\n` });
  const unknown = unused('nothing');
  assert.deepEqual(await weir(['produce', unknown, 'x']), { status: 1, out: '', err: `weir: there is no topic or queue ${unknown}\n` });
});
