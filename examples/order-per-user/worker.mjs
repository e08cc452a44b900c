// Works the FIFO queue off: `node worker.mjs`, as many as you like. A user's next update is handed out when the one before is
// deleted; one that fails comes again, and after three tries is a dead letter. Meanwhile that user waits, and nobody else.
import { DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'user-jobs.fifo' }));
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());

function apply({ user, update }) {
  if (update === Number(process.env.BROKEN)) throw new Error('this update cannot be applied');
  console.log(`applied ${update} of ${user}`);
}

while (!stop.signal.aborted) {
  try {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, WaitTimeSeconds: 5 }), { abortSignal: stop.signal });
    for (const { Body, ReceiptHandle } of Messages) {
      const job = JSON.parse(Body);
      try {
        apply(job);
        await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
      } catch (error) {
        console.log(`failed ${job.update} of ${job.user}: ${error.message}`);
      }
    }
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
}
