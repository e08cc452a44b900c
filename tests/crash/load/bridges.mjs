// Load on a chain of bridges: a topic, a FIFO queue of what passes a filter, with group and deduplication id out of the record,
// and an audit topic of what was acknowledged; beside them a copy of the whole topic, where no deduplication hides what came twice.
import { setTimeout as sleep } from 'node:timers/promises';
import { sqs as sdk } from '../../clients/support/sdk.mjs';
import { within } from '../context.mjs';

const auditMs = 60_000;
const leaseSeconds = 2;
const customers = 4;
const yearMs = 365 * 86_400_000;

class Refused extends Error {}
const classify = (error) => (error instanceof Refused || (error.$metadata?.httpStatusCode >= 400 && error.$metadata.httpStatusCode < 500) ? 'refused' : 'unknown');
const lateHandle = /receipt handle has expired/i;

export async function load(context) {
  const names = { topic: `${context.prefix}-orders`, queue: `${context.prefix}-ship.fifo`, audit: `${context.prefix}-audit`, copy: `${context.prefix}-copy`, all: `${context.prefix}-copied`, out: `${context.prefix}-paid`, back: `${context.prefix}-shipped` };

  async function api(method, path, body) {
    const answer = await fetch(`${context.broker.env.WEIR_URL}/api/v1/${path}`, { method, ...(body && { body: JSON.stringify(body) }), signal: AbortSignal.timeout(10_000) });
    const text = await answer.text();
    if (answer.status >= 400 && answer.status < 500) throw new Refused(`${answer.status} ${text}`);
    if (!answer.ok) throw new Error(`${answer.status} ${text}`);
    return JSON.parse(text);
  }

  await api('POST', 'topics', { name: names.topic, partitions: 2 });
  await api('POST', 'topics', { name: names.audit });
  await api('POST', 'topics', { name: names.copy });
  await api('POST', 'queues', { name: names.queue, history_ms: yearMs, lease_ms: leaseSeconds * 1000 });
  await api('POST', 'bridges', { name: names.out, from: `topic:${names.topic}`, to: `queue:${names.queue}`, filter: '$.status=paid', group: '$.customer', deduplication: '$.id' });
  await api('POST', 'bridges', { name: names.all, from: `topic:${names.topic}`, to: `topic:${names.copy}` });
  await api('POST', 'bridges', { name: names.back, from: `queue:${names.queue}`, on: 'ack', to: `topic:${names.audit}` });

  const client = () => new sdk.SQSClient({ endpoint: context.broker.env.AWS_ENDPOINT_URL, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1, requestHandler: { requestTimeout: 10_000, connectionTimeout: 2000 } });
  const admin = client();
  const { QueueUrl } = await admin.send(new sdk.GetQueueUrlCommand({ QueueName: names.queue }));

  // One customer, one order after the other; an unknown outcome is repeated, so that the topic may hold it twice.
  function order(group, random) {
    let sequence = 0;
    let op;
    let body;
    context.loop(async () => {
      if (!op) {
        sequence += 1;
        const passes = !random.oneIn(3);
        op = context.history.begin('bridge.put', { chain: names.topic, id: `${group}-${sequence}`, group, sequence, passes });
        body = { key: group, value: JSON.stringify({ id: op.id, customer: group, status: passes ? 'paid' : 'open', padding: 'o'.repeat(random.below(300)) }) };
      }
      try {
        await api('POST', `topics/${names.topic}/records`, body);
        op.ok();
        context.acknowledged += 1;
        op = undefined;
      } catch (error) {
        if (classify(error) === 'refused') context.surprises.push(`an order: ${error}`);
        await sleep(2);
      }
    });
  }

  async function ship(via, random, waitSeconds = 1) {
    const { Messages = [] } = await via.send(new sdk.ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: waitSeconds, VisibilityTimeout: leaseSeconds }));
    const given = new Set();  // groups of which one was not acknowledged: what follows it has to wait
    for (const { Body, ReceiptHandle } of Messages) {
      const { id, customer } = JSON.parse(Body);
      if (given.has(customer) || random?.oneIn(10)) {
        given.add(customer);
        continue;
      }
      const op = context.history.begin('bridge.ack', { chain: names.topic, id });
      const done = await context.attempt(op, () => via.send(new sdk.DeleteMessageCommand({ QueueUrl, ReceiptHandle })), { classify, expected: lateHandle, result: () => ({}) });
      if (!done) given.add(customer);
    }
  }

  function work(random) {
    const via = client();
    context.loop(() => ship(via, random).catch((error) => {
      if (classify(error) === 'refused') context.surprises.push(`a receive: ${error}`);
      return sleep(5);
    }));
  }

  async function records(name, partition, use) {
    for (let offset = 0; ;) {
      const page = await api('GET', `topics/${encodeURIComponent(name)}/records?partition=${partition}&offset=${offset}&limit=1000`);
      page.records.forEach(use);
      if (page.next >= page.end) return;
      offset = page.next;
    }
  }

  for (let i = 0; i < customers; i += 1) order(`c${i}`, context.random.fork());
  for (let i = 0; i < 2; i += 1) work(context.random.fork());

  return {
    async audit() {
      await within(auditMs, `${names.topic} moved and ${names.queue} empty`, async () => {
        await ship(admin, undefined, 0);
        const lags = [await api('GET', `bridges/${names.out}`), await api('GET', `bridges/${names.all}`)].map(({ lag }) => lag);
        const queue = await api('GET', `queues/${encodeURIComponent(names.queue)}`);
        return lags.every((lag) => lag === 0) && queue.ready + queue.leased + queue.delayed === 0;
      });
      const op = context.history.begin('bridge.whole', { chain: names.topic });
      const source = ({ headers }) => headers.find(({ name }) => name === 'weir.source').value;
      const messages = [];
      await records(names.queue, 0, (record) => messages.push({ offset: record.offset, id: JSON.parse(record.value).id, group: record.key, source: source(record) }));
      const places = [];
      for (const partition of [0, 1]) await records(names.topic, partition, ({ offset }) => places.push(`${names.topic}/${partition}/${offset}`));
      const copies = [];
      await records(names.copy, 0, (record) => copies.push(source(record)));
      const events = [];
      await records(names.audit, 0, ({ value }) => events.push(JSON.parse(value).data.offset));
      op.ok({ messages, events, places, copies, missed: (await api('GET', `bridges/${names.back}`)).missed });
    },
    judgement: {},
  };
}
