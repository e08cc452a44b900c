// Sends orders into the first step: `node order.mjs 20`. Every seventh customer has no funds.
import { GetQueueUrlCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const sqs = new SQSClient({});
const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: 'reserve' }));
for (let order = 1; order <= Number(process.argv[2] ?? 20); order += 1) {
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ order, solvent: order % 7 !== 0 }) }));
}
