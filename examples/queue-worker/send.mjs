// Puts jobs on the queue: `node send.mjs 25` sends job-1 to job-25, ten to a request.
// `node send.mjs 25 broken` sends jobs that no worker can do.
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { createQueues } from './queues.mjs';

const [count = '10', name = 'job'] = process.argv.slice(2);
const sqs = new SQSClient({});
const queues = await createQueues(sqs);

const jobs = Array.from({ length: Number(count) }, (_, i) => ({ id: `${name}-${i + 1}`, fails: name === 'broken' }));
for (let i = 0; i < jobs.length; i += 10) {
  const Entries = jobs.slice(i, i + 10).map((job) => ({ Id: job.id, MessageBody: JSON.stringify(job) }));
  const { Failed = [] } = await sqs.send(new SendMessageBatchCommand({ QueueUrl: queues.jobs, Entries }));
  if (Failed.length > 0) throw new Error(`not sent: ${JSON.stringify(Failed)}`);
}
console.log(`sent ${jobs.length}`);
