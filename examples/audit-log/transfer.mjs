// Sends transfers and works them off: `node transfer.mjs 20`. It knows nothing of the audit log. The last one always fails.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const count = Number(process.argv[2] ?? 20);
const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'transfers' }));
for (let transfer = 1; transfer <= count; transfer += 1)
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ transfer, valid: transfer < count }) }));

for (;;) {
  const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 5 }));
  if (Messages.length === 0) break;
  for (const { MessageId, Body, ReceiptHandle } of Messages) {
    const { transfer, valid } = JSON.parse(Body);
    if (!valid) continue;  // its lease ends; after the second time it is a dead letter
    await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    console.log(`done ${transfer} ${MessageId}`);
  }
}
