// What the tests of captures share: the API, the records of a topic, and the table that they tell of.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { Kafka, logLevel } from 'kafkajs';
import { startBroker, temporaryFolder } from '../support/broker.mjs';
import { startPostgres, withoutPostgres } from '../support/postgres.mjs';
import { waitFor } from '../support/programs.mjs';

const patienceMs = 40_000;
export const until = (condition, what) => waitFor(condition, patienceMs, what);

// A PostgreSQL and a broker for all tests of a file: { folder, skip }, and { postgres, broker, captures } once they run. `prepare`
// answers, from the folder, options of the broker, of the database, and SQL to begin with.
export function startCaptures(name, prepare = () => ({})) {
  const { folder, remove } = temporaryFolder(name);
  const here = { folder, skip: withoutPostgres };
  before(async () => {
    if (here.skip) return;
    const { database, sql = '', ...options } = prepare(folder);
    here.postgres = await startPostgres(database);
    here.postgres.psql(sql);
    here.broker = await startBroker({ data: join(folder, 'data'), ...options });
    here.captures = new Captures(here.broker, here.postgres);
  });
  after(async () => {
    await here.broker?.stop();
    await here.postgres?.stop();
    remove();
  });
  return here;
}

export class Captures {
  constructor(broker, postgres) { Object.assign(this, { broker, postgres }); }

  async api(method, path, body) {
    const response = await fetch(`${this.broker.env.WEIR_URL}/api/v1/cdc${path}`, { method, body: body && JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    return answer;
  }

  add(name, tables, more = {}) {
    return this.api('POST', '', { name, config: {
      'database.hostname': '127.0.0.1', 'database.port': String(this.postgres.port), 'database.user': 'postgres',
      'database.dbname': 'postgres', 'topic.prefix': 'cdc', 'table.include.list': tables, ...more,
    } });
  }

  async until(name, holds) {
    let last;
    await until(async () => { last = await this.api('GET', `/${name}`); return holds(last); }, () => JSON.stringify(last));
    return last;
  }

  state(name, wanted) { return this.until(name, (shown) => shown.state === wanted); }

  problem(name, pattern) { return this.until(name, (shown) => pattern.test(shown.problem)); }

  // All records of a topic from its start, as [key, value] texts.
  async records(topic, enough) {
    const kafka = new Kafka({ clientId: 'cdc', brokers: [this.broker.env.KAFKA_BROKERS], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: `cdc-${Math.random()}` });
    const seen = [];
    await consumer.connect();
    try {
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      await consumer.run({ eachMessage: async ({ message }) => { seen.push([String(message.key), message.value && String(message.value)]); } });
      await until(() => enough(seen), () => `${seen.length} records of ${topic}`);
    } finally {
      await consumer.disconnect();
    }
    return seen;
  }

  table(name) {
    const rows = JSON.parse(this.postgres.psql(`SELECT coalesce(json_agg(t ORDER BY id), '[]') FROM ${name} t`));
    return new Map(rows.map((row) => [row.id, row]));
  }

  // Ends the table's history with a marker, and compares what the events tell with the table.
  async untilEqual(name) {
    this.postgres.psql(`INSERT INTO ${name} VALUES (-1, 0, 'end')`);
    const isMarker = ([key]) => JSON.parse(key).id === -1;
    const seen = await this.records(`cdc.public.${name}`, (all) => all.length > 0 && all.some(isMarker));
    const events = seen.map(([key, value]) => [JSON.parse(key).id, value && JSON.parse(value)]);
    assert.deepEqual(played(events), this.table(name));
  }
}

// The table as the events tell it. Each change must fit what was before it: one that is missing or doubled shows.
function played(events) {
  const rows = new Map();
  for (const [id, value] of events) {
    if (value === null) continue;
    if (value.op === 'd') assert.ok(rows.delete(id), `row ${id} was deleted and was not there`);
    else if (value.op === 'u') {
      assert.equal(value.after.version, (rows.get(id)?.version ?? NaN) + 1, `row ${id} was changed out of order`);
      rows.set(id, value.after);
    } else {
      assert.ok(!rows.has(id), `row ${id} came twice`);
      rows.set(id, value.after);
    }
  }
  return new Map([...rows].sort(([a], [b]) => a - b));
}
