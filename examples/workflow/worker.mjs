// The worker of one step: `node worker.mjs charge`.
//
// It stores its result under the id of its message, then deletes the message. The next step's message is the event of that
// deletion, which names the id. A worker that is killed in between leaves its message, which comes again; the step is then done
// again and stores the same result under the same id: that is what a step must bear.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import Redis from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';

const step = process.argv[2];
const sqs = new SQSClient({});
const redis = new Redis(process.env.REDIS_URL);
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: step }));

const work = {
  reserve: (order) => ({ ...order, shelf: `shelf-${order.order % 5}` }),
  charge: (order) => {
    if (!order.solvent && !process.env.FUNDS) throw new Error('no funds');
    return { ...order, invoice: `invoice-${order.order}` };
  },
  ship: (order) => ({ ...order, parcel: `parcel-${order.order}` }),
};

// The first step's message is the order itself, a later one's the event of the step before.
async function inputOf(body) {
  const message = JSON.parse(body);
  return message.specversion ? JSON.parse(await redis.get(`result:${message.data.message_id}`)) : message;
}

for (;;) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 1, WaitTimeSeconds: 5 }));
  for (const { MessageId, Body, ReceiptHandle } of Messages) {
    const input = await inputOf(Body);
    console.log(`${step} begins ${input.order}`);
    try {
      await sleep(Number(process.env.WORK_MS ?? 10));
      await redis.set(`result:${MessageId}`, JSON.stringify(work[step](input)), 'EX', 7 * 86_400);
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      console.log(`${step} done ${input.order}`);
    } catch (error) {
      console.log(`${step} failed ${input.order}: ${error.message}`);  // its lease ends, and it comes again
    }
  }
}
