// A queue worker: receives up to ten jobs at a time, works on them, deletes what is done.
//
// A job whose handler throws is not deleted. Its lease (the visibility timeout) runs out, another receive gets it, and
// after `maxReceiveCount` receives it moves to the dead-letter queue. While a worker holds a lease nobody else gets the job.
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createQueues } from './queues.mjs';

const visibilityTimeout = Number(process.env.VISIBILITY_TIMEOUT ?? 60);
const waitTimeSeconds = Number(process.env.WAIT_TIME_SECONDS ?? 20);

const sqs = new SQSClient({});
const { jobs } = await createQueues(sqs);
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
process.once('SIGINT', () => stop.abort());

async function handle(job) {
  if (job.fails) throw new Error('this job cannot be done');
}

async function work(message) {
  const job = JSON.parse(message.Body);
  console.log(`received ${job.id} attempt ${message.Attributes.ApproximateReceiveCount}`);
  try {
    await handle(job);
    await sqs.send(new DeleteMessageCommand({ QueueUrl: jobs, ReceiptHandle: message.ReceiptHandle }));
    console.log(`done ${job.id}`);
  } catch (error) {
    console.log(`failed ${job.id}: ${error.message}`);
  }
}

console.log('ready');
while (!stop.signal.aborted) {
  try {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({
      QueueUrl: jobs,
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: waitTimeSeconds,
      VisibilityTimeout: visibilityTimeout,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    }), { abortSignal: stop.signal });
    await Promise.all(Messages.map(work));
  } catch (error) {
    if (error.name !== 'AbortError') throw error;
  }
}
