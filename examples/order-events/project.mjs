// A projection: how many orders are in which state, in SQLite. Position and rows change in one transaction, so that whatever is
// killed, each event counts once. Usage: project.mjs FILE
import { DatabaseSync } from 'node:sqlite';
import { ask, evolve, topic } from './orders.mjs';

const database = new DatabaseSync(process.argv[2] ?? 'orders.sqlite');
database.exec(`CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, state TEXT, events INTEGER);
               CREATE TABLE IF NOT EXISTS progress (topic TEXT PRIMARY KEY, position INTEGER)`);
const put = database.prepare('INSERT INTO orders VALUES (?, ?, 1) ON CONFLICT (id) DO UPDATE SET state = excluded.state, events = events + 1');
const advance = database.prepare('INSERT INTO progress VALUES (?, ?) ON CONFLICT (topic) DO UPDATE SET position = excluded.position');
let position = database.prepare('SELECT position FROM progress WHERE topic = ?').get(topic)?.position ?? 0;
console.log(`begins at ${position}`);

for (;;) {
  const page = await ask('GET', `/${topic}/events?from=${position}&limit=10&wait_ms=5000`);
  if (page.status !== 200) await new Promise((later) => setTimeout(later, 100));  // not made yet
  if (page.status !== 200 || page.next === position) continue;
  database.exec('BEGIN');
  for (const event of page.events) put.run(event.key, evolve(undefined, event));
  advance.run(topic, page.next);
  database.exec('COMMIT');
  position = page.next;
  console.log(`reached ${position}`);
}
