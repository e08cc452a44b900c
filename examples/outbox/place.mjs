// The application: an order, its event and the work that it makes are one transaction of the database, which knows no broker.
// Every tenth order is taken back, and nobody hears of it. Usage: place.mjs ORDERS
import { randomUUID } from 'node:crypto';
import pg from 'pg';

const database = new pg.Client(process.env.DATABASE_URL);
await database.connect();
const count = { placed: 0, 'taken back': 0 };
for (let id = 1; id <= Number(process.argv[2] ?? 20); id += 1) {
  const order = { id, customer: `customer-${id % 7}`, total: id * 1.5 };
  await database.query('BEGIN');
  await database.query('INSERT INTO orders VALUES ($1, $2, $3)', [order.id, order.customer, order.total]);
  await database.query("INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES ('order', $1, 'placed', $2)", [order.customer, order]);
  await database.query('DELETE FROM outbox');  // the event is in the database's log already
  const work = { id: randomUUID(), aggregatetype: 'order', aggregateid: order.customer, payload: { pack: order.id } };
  await database.query("SELECT pg_logical_emit_message(true, 'work', $1)", [JSON.stringify(work)]);
  const refused = id % 10 === 0;
  await database.query(refused ? 'ROLLBACK' : 'COMMIT');
  count[refused ? 'taken back' : 'placed'] += 1;
  console.log(refused ? `took back ${id}` : `placed ${id}`);
}
await database.end();
console.log(`${count.placed} placed, ${count['taken back']} taken back`);
