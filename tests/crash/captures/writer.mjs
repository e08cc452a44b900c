// A program that changes one table, a transaction after the other, whoever is killed meanwhile. What was committed stands in the
// database itself: a trigger writes each change, in the same transaction, into a history that no capture sees.
import { setTimeout as sleep } from 'node:timers/promises';

const rowsOfLarge = 3200;  // of 10 kB: more than a capture takes into one commit
const largeFrom = 1_000_000;

export const schema = (table) => `
  CREATE TABLE ${table} (id int PRIMARY KEY, version int NOT NULL, note text);
  CREATE TABLE ${table}_history (n bigserial PRIMARY KEY, id int, op text, version int);
  CREATE FUNCTION ${table}_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'DELETE' THEN INSERT INTO ${table}_history (id, op) VALUES (OLD.id, 'd');
    ELSE INSERT INTO ${table}_history (id, op, version) VALUES (NEW.id, CASE TG_OP WHEN 'INSERT' THEN 'c' ELSE 'u' END, NEW.version); END IF;
    RETURN NULL; END $$;
  CREATE TRIGGER keep AFTER INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION ${table}_keep();`;

function small(table, random) {
  const first = random.below(200);
  const rows = random.between(1, 20);
  const changes = [
    `INSERT INTO ${table} SELECT g, 0, 'new' FROM generate_series(${first}, ${first + rows}) g ON CONFLICT DO NOTHING`,
    `UPDATE ${table} SET version = version + 1 WHERE id BETWEEN ${first} AND ${first + rows}`,
    `DELETE FROM ${table} WHERE id BETWEEN ${first} AND ${first + random.below(3)}`,
  ];
  const chosen = changes.filter(() => random.oneIn(2));
  return `BEGIN; ${(chosen.length > 0 ? chosen : changes).join('; ')}; ${random.oneIn(8) ? 'ROLLBACK' : 'COMMIT'};`;
}

function large(table, random) {
  return `BEGIN; DELETE FROM ${table} WHERE id >= ${largeFrom};
    INSERT INTO ${table} SELECT g, 0, repeat(md5(g::text), 320) FROM generate_series(${largeFrom}, ${largeFrom + rowsOfLarge}) g;
    UPDATE ${table} SET version = version + 1 WHERE id < 20; ${random.oneIn(4) ? 'ROLLBACK' : 'COMMIT'};`;
}

// Runs until stop() is called; stop waits for the transaction that is under way. A transaction whose outcome is unknown is in the
// history or it is not, as in the table.
export function startWriter({ postgres, table, random, largeOneIn }) {
  let stopping = false;
  let done = 0;
  const running = (async () => {
    while (!stopping) {
      const sql = largeOneIn && random.oneIn(largeOneIn) ? large(table, random) : small(table, random);
      await postgres.run(sql).then(() => { done += 1; }, () => sleep(50));  // the database is away
      await sleep(random.below(20));
    }
  })();
  return { get done() { return done; }, stop: () => { stopping = true; return running; } };
}

// [id, op, version] of every change, as they were committed: each table has one writer.
export function historyOf(postgres, table) {
  const lines = postgres.psql(`SELECT id, op, coalesce(version, -1) FROM ${table}_history ORDER BY n`).split('\n').filter(Boolean);
  return lines.map((line) => line.split('|')).map(([id, op, version]) => [Number(id), op, Number(version)]);
}
