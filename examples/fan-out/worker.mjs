// A service that works orders off a queue of its own: `node worker.mjs QUEUE`. Start as many as the work needs: each order goes
// to one of them, is tried again when that one fails, and knows nothing of partitions.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: process.argv[2] ?? 'order-mails' }));
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

while (!stop.signal.aborted) {
  try {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 5, WaitTimeSeconds: 20 }), { abortSignal: stop.signal });
    for (const { Body, ReceiptHandle } of Messages) {
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      console.log(`done order ${JSON.parse(Body).order}`);
    }
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
}
