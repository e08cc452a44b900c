// Takes payments off the work queue and acknowledges them. It knows nothing of topics or bridges.
import { DeleteMessageBatchCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { setTimeout as sleep } from 'node:timers/promises';

const sqs = new SQSClient({ maxAttempts: 1 });
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'payment-work' }));

for (;;) {
  try {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1, VisibilityTimeout: 3 }));
    if (Messages.length === 0) continue;
    for (const { MessageId, Body } of Messages) console.log(`working ${JSON.parse(Body).payment} ${MessageId}`);
    const Entries = Messages.map(({ ReceiptHandle }, i) => ({ Id: String(i), ReceiptHandle }));
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    for (const { MessageId, Body } of Messages) console.log(`acknowledged ${JSON.parse(Body).payment} ${MessageId}`);
  } catch (error) {
    console.log(`trying again: ${error.name}`);  // the broker is away for a moment
    await sleep(100);
  }
}
