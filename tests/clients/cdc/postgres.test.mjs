// A capture of a real PostgreSQL: what the topic tells is the table, and nothing twice, whoever is killed.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { SQS } from '@aws-sdk/client-sqs';
import { startCaptures, until } from './capture.mjs';

const here = startCaptures('cdc');
const { skip } = here;

const slots = (name) => here.postgres.psql(`SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'weir_${name}'`);

test('a table is told whole: what was there, and what happened since', { skip }, async () => {
  here.postgres.psql(`CREATE TABLE told (id int PRIMARY KEY, version int, note text);
    INSERT INTO told SELECT g, 0, E'tab\\t, \\\\ and line\\n' || g FROM generate_series(1, 5000) g`);
  await here.captures.add('told', 'public.told');
  await here.captures.state('told', 'streaming');
  here.postgres.psql(`UPDATE told SET version = version + 1 WHERE id <= 100; DELETE FROM told WHERE id > 4990;
    INSERT INTO told VALUES (6000, 0, NULL)`);
  await here.captures.untilEqual('told');
  const shown = await here.captures.api('GET', '/told');
  assert.equal(shown.snapshot_rows, 5000);
  assert.equal(shown.problem, '');
  assert.equal(slots('told'), '1');
  await here.captures.api('DELETE', '/told');
  assert.equal(slots('told'), '0', 'the slot goes with the capture');
});

test('nothing is lost or doubled when the broker or the database is killed, or the connection cut', { skip }, async () => {
  here.postgres.psql("CREATE TABLE load (id int PRIMARY KEY, version int, note text); INSERT INTO load SELECT g, 0, 'n' FROM generate_series(1, 200) g");
  await here.captures.add('load', 'public.load');
  await here.captures.state('load', 'streaming');
  for (let round = 0; round < 12; round += 1) {
    const statement = (i) => `UPDATE load SET version = version + 1 WHERE id BETWEEN ${i * 3} AND ${i * 3 + 10};
      INSERT INTO load VALUES (${1000 + round * 100 + i}, 0, 'new'); ${i % 4 ? '' : `DELETE FROM load WHERE id = ${1000 + round * 100 + i};`}`;
    for (const part of [0, 20, 40]) {
      here.postgres.psql(Array.from({ length: 20 }, (_, i) => statement(part + i)).join('\n'));
      if (part !== 20) continue;
      if (round % 3 === 0) await here.broker.restart();
      if (round % 3 === 1) here.postgres.psql('SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active');
      if (round % 6 === 2) { await here.postgres.kill(); await here.postgres.start(); }
    }
  }
  await here.captures.untilEqual('load');
  await here.captures.api('DELETE', '/load');
});

test('a transaction larger than a commit is taken in parts, and goes on inside it after a kill', { skip }, async () => {
  here.postgres.psql('CREATE TABLE large (id int PRIMARY KEY, version int, note text)');
  await here.captures.add('large', 'public.large', { 'provide.transaction.metadata': 'true' });
  await here.captures.state('large', 'streaming');
  here.postgres.psql('INSERT INTO large SELECT g, 0, repeat(md5(g::text), 40) FROM generate_series(1, 40000) g');
  await here.captures.until('large', (shown) => shown.records > 0);
  await here.broker.restart();
  await here.captures.untilEqual('large');
  const seen = await here.captures.records('cdc.transaction', (all) => all.length >= 4);
  const ends = seen.map(([, value]) => JSON.parse(value)).filter(({ status }) => status === 'END');
  assert.deepEqual(ends.map(({ event_count: count }) => count), [40000, 1], 'what was written before the kill is counted');
  await here.captures.api('DELETE', '/large');
});

test('a paused capture keeps its place', { skip }, async () => {
  here.postgres.psql('CREATE TABLE paused (id int PRIMARY KEY, version int, note text)');
  await here.captures.add('paused', 'public.paused');
  await here.captures.state('paused', 'streaming');
  await here.captures.api('POST', '/paused/pause');
  await here.captures.state('paused', 'paused');
  here.postgres.psql("INSERT INTO paused VALUES (1, 0, 'meanwhile')");
  await here.captures.api('POST', '/paused/resume');
  await here.captures.untilEqual('paused');
});

test('a slot that somebody else moved or dropped is reported, and nothing is streamed over the gap', { skip }, async () => {
  await here.captures.api('POST', '/paused/pause');
  await until(() => here.postgres.psql("SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = 'weir_paused'") === '0', 'the slot is free');
  here.postgres.psql("INSERT INTO paused VALUES (2, 0, 'lost'); SELECT pg_replication_slot_advance('weir_paused', pg_current_wal_lsn())");
  await here.captures.api('POST', '/paused/resume');
  await here.captures.problem('paused', /needs snapshot: .*somebody else moved the slot/);
  here.postgres.psql("SELECT pg_drop_replication_slot('weir_paused')");
  await here.captures.problem('paused', /needs snapshot: replication slot weir_paused is gone/);
  await here.captures.api('DELETE', '/paused');
});

test('errors name the statement that mends them, and a password is never stored', { skip }, async () => {
  here.postgres.psql('CREATE ROLE nobody LOGIN');
  await here.captures.add('denied', 'public.told', { 'database.user': 'nobody' });
  await here.captures.problem('denied', /ALTER ROLE "?nobody"? REPLICATION;/);
  await here.captures.api('DELETE', '/denied?keep_slot=true');
  await assert.rejects(here.captures.add('secret', 'public.told', { 'database.password': 'x' }), /database\.password\.file/);
  await assert.rejects(here.captures.add('typo', 'public.told', { 'tabel.include.list': 'x' }), /tabel\.include\.list/);
});

test('an outbox row reaches a topic, in the transaction that wrote it or not at all; a logical message reaches a queue', { skip }, async () => {
  const sqs = new SQS({ endpoint: here.broker.env.AWS_ENDPOINT_URL, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } });
  const { QueueUrl } = await sqs.createQueue({ QueueName: 'work-order' });
  here.postgres.psql('CREATE TABLE outbox (id uuid PRIMARY KEY, aggregatetype text, aggregateid text, type text, payload jsonb)');
  await here.captures.add('outbox', 'public.outbox', {
    'outbox.0.table': 'public.outbox', 'outbox.1.prefix': 'outbox', 'outbox.1.queue': 'work-${routedByValue}',
  });
  await here.captures.state('outbox', 'streaming');
  const row = (aggregate) => `INSERT INTO outbox VALUES (gen_random_uuid(), 'order', '${aggregate}', 'placed', '{"total":5}')`;
  here.postgres.psql(`BEGIN; ${row('lost')}; ROLLBACK; BEGIN; ${row('7')}; DELETE FROM outbox; COMMIT;`);
  here.postgres.psql(`SELECT pg_logical_emit_message(true, 'outbox', '{"id":"m1","aggregatetype":"order","aggregateid":"8","payload":{"total":6}}')`);
  const seen = await here.captures.records('outbox.event.order', (all) => all.length > 0);
  assert.deepEqual(seen.map(([key, value]) => [key, JSON.parse(value)]), [['7', { total: 5 }]]);
  const { Messages } = await sqs.receiveMessage({ QueueUrl, WaitTimeSeconds: 10 });
  assert.deepEqual(JSON.parse(Messages[0].Body), { total: 6 });
  await here.captures.api('DELETE', '/outbox');
});
