// How a capture begins and ends: the modes of its snapshot, heartbeats, and what becomes of its slot.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCaptures, until } from './capture.mjs';

const here = startCaptures('cdc-modes');
const { skip } = here;

const ops = async (topic, enough) => (await here.captures.records(topic, enough)).map(([, value]) => value && JSON.parse(value).op);
const slot = (name) => here.postgres.psql(`SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'weir_${name}'`);

const table = (name, rows) => here.postgres.psql(`CREATE TABLE ${name} (id int PRIMARY KEY, version int, note text);
  INSERT INTO ${name} SELECT g, 0, 'n' FROM generate_series(1, ${rows}) g`);

test('snapshot.mode says what is read: nothing, once and no changes, at each start, or where the slot was lost', { skip }, async () => {
  for (const name of ['mode_none', 'mode_once', 'mode_always', 'mode_needed']) table(name, 3);
  await here.captures.add('mode_none', 'public.mode_none', { 'snapshot.mode': 'no_data' });
  await here.captures.state('mode_none', 'streaming');
  here.postgres.psql("INSERT INTO mode_none VALUES (4, 0, 'new')");
  assert.deepEqual(await ops('cdc.public.mode_none', (all) => all.length > 0), ['c']);

  await here.captures.add('mode_once', 'public.mode_once', { 'snapshot.mode': 'initial_only' });
  await here.captures.state('mode_once', 'done');
  assert.equal(slot('mode_once'), '0', 'no slot holds back the log for a capture that is done');
  here.postgres.psql("INSERT INTO mode_once VALUES (4, 0, 'new')");
  await here.captures.api('POST', '/mode_once/pause');
  await here.captures.api('POST', '/mode_once/resume');
  await here.captures.state('mode_once', 'done');
  assert.deepEqual(await ops('cdc.public.mode_once', (all) => all.length >= 3), ['r', 'r', 'r']);

  await here.captures.add('mode_always', 'public.mode_always', { 'snapshot.mode': 'always' });
  await here.captures.state('mode_always', 'streaming');
  await here.captures.api('POST', '/mode_always/pause');
  await here.captures.state('mode_always', 'paused');
  here.postgres.psql("INSERT INTO mode_always VALUES (4, 0, 'new')");
  await here.captures.api('POST', '/mode_always/resume');
  assert.deepEqual(await ops('cdc.public.mode_always', (all) => all.length >= 8), ['r', 'r', 'r', 'c', 'r', 'r', 'r', 'r']);

  await here.captures.add('mode_needed', 'public.mode_needed', { 'snapshot.mode': 'when_needed' });
  await here.captures.state('mode_needed', 'streaming');
  await here.captures.api('POST', '/mode_needed/pause');
  await until(() => here.postgres.psql("SELECT count(*) FROM pg_replication_slots WHERE active AND slot_name = 'weir_mode_needed'") === '0', 'the slot is free');
  here.postgres.psql("SELECT pg_drop_replication_slot('weir_mode_needed')");
  await here.captures.api('POST', '/mode_needed/resume');
  assert.deepEqual(await ops('cdc.public.mode_needed', (all) => all.length >= 6), Array(6).fill('r'));
  await assert.rejects(here.captures.add('mode_custom', 'public.mode_none', { 'snapshot.mode': 'custom' }), /snapshot\.mode/);
  for (const name of ['mode_none', 'mode_once', 'mode_always', 'mode_needed']) await here.captures.api('DELETE', `/${name}`);
});

const metric = async (name, capture) => {
  const text = await (await fetch(`${here.broker.env.WEIR_URL}/metrics`)).text();
  return Number(new RegExp(`^${name}\\{capture="${capture}"\\} (\\d+)$`, 'm').exec(text)?.[1]);
};

test('what a slot holds back is measured, and alarmed', { skip }, async () => {
  table('held', 5);
  await here.captures.add('held', 'public.held', { 'topic.prefix': 'held', 'retained.wal.alarm.bytes': '1' });
  const shown = await here.captures.until('held', (one) => one.retained_wal_alarm && one.state === 'streaming');
  assert.ok(shown.retained_wal_bytes > 0);
  assert.equal(await metric('weir_cdc_retained_wal_alarm', 'held'), 1);
  assert.ok(await metric('weir_cdc_retained_wal_bytes', 'held') > 0);
  assert.equal(await metric('weir_cdc_streaming', 'held'), 1);
  assert.equal(await metric('weir_cdc_snapshot_rows', 'held'), 5);
  await here.captures.api('DELETE', '/held');
  await here.captures.add('calm', 'public.held', { 'topic.prefix': 'held', 'snapshot.mode': 'no_data' });
  await here.captures.until('calm', (one) => one.retained_wal_bytes > 0);
  assert.equal(await metric('weir_cdc_retained_wal_alarm', 'calm'), 0);
  await here.captures.api('DELETE', '/calm');
});

test('a heartbeat is a record, and a statement in the database', { skip }, async () => {
  here.postgres.psql('CREATE TABLE beats (id serial PRIMARY KEY, at timestamptz); CREATE TABLE beaten (id int PRIMARY KEY)');
  await here.captures.add('beaten', 'public.beaten', {
    'topic.prefix': 'beat', 'heartbeat.interval.ms': '100', 'heartbeat.action.query': 'INSERT INTO beats (at) VALUES (now())',
  });
  const [[key, value]] = await here.captures.records('__debezium-heartbeat.beat', (all) => all.length >= 3);
  assert.deepEqual(JSON.parse(key), { serverName: 'beat' });
  assert.ok(JSON.parse(value).ts_ms > 0);
  assert.ok(Number(here.postgres.psql('SELECT count(*) FROM beats')) >= 3);
  await here.captures.api('DELETE', '/beaten');
});

test('slot.drop.on.stop drops the slot, and the capture begins again; slot.failover is refused by an older database', { skip }, async () => {
  table('dropped', 2);
  await assert.rejects(here.captures.add('dropped', 'public.dropped', { 'slot.drop.on.stop': 'true' }), /slot\.drop\.on\.stop.*when_needed/s);
  await here.captures.add('dropped', 'public.dropped', { 'slot.drop.on.stop': 'true', 'snapshot.mode': 'when_needed' });
  await here.captures.state('dropped', 'streaming');
  assert.equal(slot('dropped'), '1');
  await here.captures.api('POST', '/dropped/pause');
  await until(() => slot('dropped') === '0', 'the slot is dropped');
  await here.captures.api('POST', '/dropped/resume');
  assert.deepEqual(await ops('cdc.public.dropped', (all) => all.length >= 4), ['r', 'r', 'r', 'r']);
  await here.captures.api('DELETE', '/dropped');
  await here.captures.add('failover', 'public.dropped', { 'slot.failover': 'true' });
  await here.captures.problem('failover', /slot\.failover needs PostgreSQL 17, and this is 15/);
  await here.captures.api('DELETE', '/failover?keep_slot=true');
});
