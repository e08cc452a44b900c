// One round: a capture of a real PostgreSQL under load, while the broker, the database and the connections between them are killed or
// cut at random moments. At the end each topic is the history of its table: every change once, in its order.
import { execFileSync } from 'node:child_process';
import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from '../../clients/support/sdk.mjs';
import { startBroker, temporaryFolder } from '../../clients/support/broker.mjs';
import { startPostgres, withoutPostgres } from '../../clients/support/postgres.mjs';
import { within } from '../context.mjs';
import { Random } from '../random.mjs';
import { powerCutTools, smallStorage } from '../settings.mjs';
import { startProxy } from './proxy.mjs';
import { historyOf, schema, startWriter } from './writer.mjs';

const tables = ['small', 'large'];
const progressMs = 60_000;
const readMs = 240_000;
const endMarker = -1;

async function captureOf(broker, method = 'GET', path = '/load', body = undefined) {
  const response = await fetch(`${broker.env.WEIR_URL}/api/v1/cdc${path}`, { method, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

// It streams again, and something that was not there before arrived.
async function progress(broker, what) {
  let shown = { problem: 'nothing was asked yet' };
  await within(progressMs, `the capture goes on after ${what}`, async () => {
    if (!broker.running) throw new Error(`the broker ended by itself after ${what}:\n${broker.output.slice(-4000)}`);
    shown = await captureOf(broker);
    if (/needs snapshot/.test(shown.problem)) throw new Error(`after ${what}: ${shown.problem}`);
    return shown.state === 'streaming' && shown.records > 0;
  }).catch((error) => { throw new Error(`${error.message}; ${shown.state}: ${shown.problem}`); });
}

// [id, op, version] of every event of a topic up to the marker.
async function eventsOf(broker, topic) {
  const kafka = new Kafka({ clientId: 'captures', brokers: [broker.env.KAFKA_BROKERS], logLevel: logLevel.NOTHING });
  const consumer = kafka.consumer({ groupId: `read-${topic}`, maxBytes: 8 << 20 });
  const events = [];
  const ended = () => events.at(-1)?.[0] === endMarker;
  await consumer.connect();
  try {
    await consumer.subscribe({ topics: [topic], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message: { key, value } }) => {
      if (value === null) return;  // a tombstone goes with its delete
      const { op, after } = JSON.parse(value);
      events.push([JSON.parse(key).id, op, after?.version ?? -1]);
    } });
    await within(readMs, `the end of ${topic}`, ended).catch((error) => { throw new Error(`${error.message}; ${events.length} events`); });
  } finally {
    await consumer.disconnect();
  }
  return events;
}

function compare(table, history, events) {
  const at = history.findIndex((change, i) => String(change) !== String(events[i]));
  if (at < 0 && history.length === events.length) return [];
  const from = at < 0 ? history.length : at;
  const shown = (list) => list.slice(Math.max(0, from - 2), from + 4).map(String).join('  ');
  return [`${table}: ${history.length} changes, ${events.length} events; other from number ${from}: changes ${shown(history)} | events ${shown(events)}`];
}

export async function captureRound({ seed, kills, powerCut, canary }) {
  if (withoutPostgres) return { skipped: withoutPostgres };
  const { folder, remove } = temporaryFolder('crash-captures');
  const data = join(realpathSync(folder), 'data');
  const undo = join(realpathSync(folder), 'undo');
  for (const path of [data, undo]) mkdirSync(path);
  const tools = powerCut ? powerCutTools() : null;
  const env = { ...smallStorage, ...(canary && { WEIR_CANARY: canary }), ...(tools && { LD_PRELOAD: tools.library, WEIR_POWERCUT_DATA: data, WEIR_POWERCUT_LOG: undo }) };
  const random = new Random(seed);
  const cuts = [];
  const faults = {};
  let done = 0;
  let changes = 0;
  let findings = [];
  const postgres = await startPostgres();
  const proxy = await startProxy(postgres.port);
  const broker = await startBroker({ data, env });
  let writers = [];
  try {
    for (const table of tables) postgres.psql(schema(table));
    const config = { 'database.hostname': '127.0.0.1', 'database.port': String(proxy.port), 'database.user': 'postgres', 'database.dbname': 'postgres', 'topic.prefix': 'load', 'table.include.list': 'public.small,public.large', 'slot.retry.delay.ms': '500' };
    await captureOf(broker, 'POST', '', { name: 'load', config });
    await within(progressMs, 'the capture streams', async () => (await captureOf(broker)).state === 'streaming');
    writers = tables.map((table) => startWriter({ postgres, table, random: random.fork(), largeOneIn: table === 'large' ? 12 : 0 }));

    const acts = {
      'kill of the broker': async () => {
        await broker.kill();
        if (tools) cuts.push(execFileSync(tools.cutter, ['--data', data, '--log', undo, '--seed', String(random.below(2 ** 40)), '--explain', join(folder, `cut-${done + 1}.txt`)], { encoding: 'utf8' }).trim());
        await broker.start();
      },
      'kill of PostgreSQL': async () => { await postgres.kill('SIGKILL'); await postgres.start(); },
      'end of its backends': () => postgres.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type IN ('walsender', 'client backend')").catch(() => {}),
      'cut of the connections': () => proxy.cut(),
    };
    const others = Object.keys(acts).slice(1);
    for (; done < kills; done += 1) {
      await progress(broker, Object.keys(faults).join(', ') || 'its start');
      await sleep(random.between(5, random.oneIn(3) ? 60 : 1200));
      // A power cut is one of the broker's; kills go round.
      const name = powerCut || random.oneIn(2) ? 'kill of the broker' : others[random.below(others.length)];
      faults[name] = (faults[name] ?? 0) + 1;
      await acts[name]();
    }
    await progress(broker, 'the last fault');
    await Promise.all(writers.map((writer) => writer.stop()));
    for (const table of tables) postgres.psql(`INSERT INTO ${table} VALUES (${endMarker}, 0, 'end')`);
    for (const table of tables) {
      const history = historyOf(postgres, table);
      changes += history.length;
      findings.push(...compare(table, history, await eventsOf(broker, `load.public.${table}`)));
    }
    await captureOf(broker, 'DELETE');
    await broker.stop();
  } catch (error) {
    findings.push(`the round broke off after ${done} faults: ${error.stack ?? error}\nthe broker said:\n${broker.output.slice(-2000)}`);
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
    await broker.kill();
    proxy.stop();
    await postgres.stop();
    remove();
  }
  const said = Object.entries(faults).map(([name, count]) => `${count} x ${name}`).join(', ');
  return { findings, done, said: `captures: ${changes} changes; ${said}`, cuts };
}
