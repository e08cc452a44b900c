// Packs orders: an ordinary SQS worker.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { setTimeout as sleep } from 'node:timers/promises';

const sqs = new SQSClient({ maxAttempts: 1 });
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'order-work' }));

for (;;) {
  try {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 5 }));
    for (const { Body, ReceiptHandle } of Messages) {
      console.log(`packed ${JSON.parse(Body).pack}`);
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  } catch (error) {
    console.log(`trying again: ${error.name}`);  // the broker is away for a moment
    await sleep(100);
  }
}
