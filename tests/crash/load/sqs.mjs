// Load on a standard queue with dead letters and on a FIFO queue, through the AWS SDK.
import { sqs as sdk } from '../../clients/support/sdk.mjs';
import { within } from '../context.mjs';

const leaseSeconds = 2;
const receivesMax = 3;
const groups = 4;
const drainMs = 60_000;

const classify = (error) => (error.$metadata?.httpStatusCode >= 400 && error.$metadata.httpStatusCode < 500 ? 'refused' : 'unknown');
const lateHandle = /receipt handle has expired|not available for visibility timeout change|MessageNotInflight/i;

export async function load(context) {
  const client = () => new sdk.SQSClient({ endpoint: context.broker.env.AWS_ENDPOINT_URL, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' }, maxAttempts: 1, requestHandler: { requestTimeout: 10_000, connectionTimeout: 2000 } });
  const admin = client();
  const call = (via, action, input) => via.send(new sdk[`${action}Command`](input));
  const create = async (QueueName, Attributes) => (await call(admin, 'CreateQueue', { QueueName, Attributes })).QueueUrl;
  const names = { work: `${context.prefix}-work`, dead: `${context.prefix}-dead`, fifo: `${context.prefix}-ordered.fifo` };
  const dead = await create(names.dead);
  const { Attributes: { QueueArn } } = await call(admin, 'GetQueueAttributes', { QueueUrl: dead, AttributeNames: ['QueueArn'] });
  const work = await create(names.work, { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: QueueArn, maxReceiveCount: receivesMax }) });
  const fifo = await create(names.fifo, { FifoQueue: 'true' });

  let numbers = 0;
  const padding = (random) => 'x'.repeat(random.oneIn(10) ? random.below(20_000) : random.below(300));
  const bodyOf = (id, random) => JSON.stringify({ id, padding: padding(random) });

  function produce(random) {
    const via = client();
    context.loop(async () => {
      const ids = Array.from({ length: random.between(1, 5) }, () => `w${(numbers += 1)}${random.oneIn(20) ? '-poison' : ''}`);
      const ops = ids.map((id) => context.history.begin('queue.send', { queue: names.work, id }));
      try {
        const Entries = ids.map((id) => ({ Id: id, MessageBody: bodyOf(id, random), ...(random.oneIn(10) && { DelaySeconds: 1 }) }));
        const { Successful = [], Failed = [] } = await call(via, 'SendMessageBatch', { QueueUrl: work, Entries });
        for (const { Id, MessageId } of Successful) ops[ids.indexOf(Id)].ok({ messageId: MessageId });
        for (const { Id, Code, Message, SenderFault } of Failed) {
          if (!SenderFault) ops[ids.indexOf(Id)].unknown(`${Code} ${Message}`);
          else { ops[ids.indexOf(Id)].refused(`${Code} ${Message}`); context.surprises.push(`send of ${Id}: ${Code} ${Message}`); }
        }
        context.acknowledged += Successful.length;
      } catch (error) {
        for (const op of ops) if (classify(error) === 'refused') { op.refused(error); context.surprises.push(`send: ${error}`); } else op.unknown(error);
      }
    });
  }

  // One group, one message after the other; an unknown outcome is repeated under the same deduplication id.
  function produceInOrder(group, random) {
    const via = client();
    let sequence = 0;
    let op;
    context.loop(async () => {
      if (!op) {
        sequence += 1;
        op = context.history.begin('queue.send', { queue: names.fifo, id: `${group}-${sequence}`, group, sequence });
      }
      try {
        const { MessageId } = await call(via, 'SendMessage', { QueueUrl: fifo, MessageBody: bodyOf(op.id, random), MessageGroupId: group, MessageDeduplicationId: op.id });
        op.ok({ messageId: MessageId });
        context.acknowledged += 1;
        op = undefined;
      } catch (error) {
        if (classify(error) === 'refused') context.surprises.push(`send to a group: ${error}`);
      }
    });
  }

  async function receive(via, queue, QueueUrl, VisibilityTimeout, WaitTimeSeconds) {
    const op = context.history.begin('queue.receive', { queue, leaseMs: VisibilityTimeout * 1000 });
    const request = () => call(via, 'ReceiveMessage', { QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds, VisibilityTimeout, MessageSystemAttributeNames: ['ApproximateReceiveCount'] });
    const done = await context.attempt(op, request, {
      classify,
      result: ({ Messages = [] }) => ({ messages: Messages.map(({ Body, MessageId, ReceiptHandle, Attributes }) => ({ id: JSON.parse(Body).id, messageId: MessageId, count: Number(Attributes.ApproximateReceiveCount), handle: ReceiptHandle })) }),
    });
    return done?.messages ?? [];
  }

  const settle = (via, verb, action, queue, QueueUrl, { id, handle }, more = {}) =>
    context.attempt(context.history.begin(verb, { queue, id, handle }), () => call(via, action, { QueueUrl, ReceiptHandle: handle, ...more }), { classify, expected: lateHandle, result: () => ({}) });
  const remove = (via, queue, url, message) => settle(via, 'queue.delete', 'DeleteMessage', queue, url, message);
  // Given back at once, or kept for another while: for the auditor the lease may end from now on in both cases.
  const release = (via, queue, url, message, VisibilityTimeout = 0) => settle(via, 'queue.release', 'ChangeMessageVisibility', queue, url, message, { VisibilityTimeout });

  function consume(random) {
    const via = client();
    context.loop(async () => {
      for (const message of await receive(via, names.work, work, leaseSeconds, 1)) {
        if (!context.up) return;
        if (message.id.endsWith('poison') || random.oneIn(8)) {
          if (random.oneIn(2)) await release(via, names.work, work, message);
        } else {
          await remove(via, names.work, work, message);
        }
      }
    });
  }

  function consumeInOrder(random) {
    const via = client();
    context.loop(async () => {
      const closed = new Set();
      for (const message of await receive(via, names.fifo, fifo, leaseSeconds, 1)) {
        const group = message.id.split('-')[0];
        if (!context.up) continue;
        if (closed.has(group)) {
          // What comes after a message in flight has to stay where it is, whenever it is given back.
          if (random.oneIn(2)) await release(via, names.fifo, fifo, message, random.below(3));
          continue;
        }
        if (random.oneIn(10)) {
          await release(via, names.fifo, fifo, message, random.below(2 * leaseSeconds));
          closed.add(group);
        } else if (random.oneIn(10) || !(await remove(via, names.fifo, fifo, message))) closed.add(group);
      }
    });
  }

  produce(context.random.fork());
  produce(context.random.fork());
  for (let i = 0; i < 3; i += 1) consume(context.random.fork());
  for (let i = 0; i < groups; i += 1) produceInOrder(`g${i}`, context.random.fork());
  for (let i = 0; i < 2; i += 1) consumeInOrder(context.random.fork());

  const counts = async (QueueUrl) => {
    const { Attributes } = await call(admin, 'GetQueueAttributes', { QueueUrl, AttributeNames: ['All'] });
    return ['', 'NotVisible', 'Delayed'].map((kind) => Number(Attributes[`ApproximateNumberOfMessages${kind}`]));
  };

  // Takes everything there is under long leases, so that each message comes once.
  async function rest(queue, QueueUrl) {
    const op = context.history.begin('queue.rest', { queue });
    const messages = [];
    await within(drainMs, `everything of ${queue} under lease`, async () => {
      const more = await receive(admin, `${queue}`, QueueUrl, 3600, 1);
      messages.push(...more);
      const [visible, leased, delayed] = await counts(QueueUrl);
      return more.length === 0 && visible === 0 && delayed === 0 && leased === messages.length;
    });
    op.ok({ messages });
  }

  async function drainInOrder() {
    await within(drainMs, `${names.fifo} empty`, async () => {
      for (const message of await receive(admin, names.fifo, fifo, 30, 1)) await remove(admin, names.fifo, fifo, message);
      return (await counts(fifo)).every((count) => count === 0);
    });
    context.history.begin('queue.rest', { queue: names.fifo }).ok({ messages: [] });
  }

  return {
    async audit() {
      await rest(names.work, work);
      await rest(names.dead, dead);
      await drainInOrder();
    },
    judgement: { limits: new Map([[names.work, { deadLetters: names.dead, receivesMax }]]) },
  };
}
