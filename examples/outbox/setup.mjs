// Makes the tables, the queue, and the capture that takes the outbox out of the database. A row of the table `outbox` is an event and
// goes to the topic that its type names; a logical message, which needs no table, is work and goes to a queue.
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import pg from 'pg';

const database = new pg.Client(process.env.DATABASE_URL);
await database.connect();
await database.query(`
  CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, total numeric(10, 2) NOT NULL);
  CREATE TABLE outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregatetype text NOT NULL, aggregateid text NOT NULL, type text NOT NULL, payload jsonb)`);
await database.end();
// What was packed stays readable for an hour: the check counts it.
await new SQSClient({}).send(new CreateQueueCommand({ QueueName: 'order-work', tags: { 'weir:history': '1h' } }));

const { hostname, port, username, pathname } = new URL(process.env.DATABASE_URL);
const config = {
  'database.hostname': hostname,
  'database.port': port,
  'database.user': username,
  'database.dbname': pathname.slice(1),
  'topic.prefix': 'shop',
  'table.include.list': 'public.outbox',
  'outbox.0.table': 'public.outbox',
  'outbox.0.topic': '${routedByValue}-events',
  'outbox.0.additional': 'type:header',
  'outbox.1.prefix': 'work',
  'outbox.1.queue': '${routedByValue}-work',
};

async function ask(method, path, body) {
  const response = await fetch(`${process.env.WEIR_URL}/api/v1/cdc${path}`, { method, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}

await ask('POST', '', { name: 'outbox', config });
for (;;) {
  const { state, problem } = await ask('GET', '/outbox');
  if (state === 'streaming') break;
  if (problem) console.log(problem);
  await new Promise((later) => setTimeout(later, 100));
}
console.log('streaming');
