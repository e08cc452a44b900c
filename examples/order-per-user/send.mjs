// A queue in order: the same updates as messages of a FIFO queue, `node send.mjs 120`; the message group is the user.
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';

const count = Number(process.argv[2] ?? 120);
const sqs = new SQSClient({});
const dead = await sqs.send(new CreateQueueCommand({ QueueName: 'user-jobs-dead.fifo', Attributes: { FifoQueue: 'true' } }));
const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ['QueueArn'] }));
const { QueueUrl } = await sqs.send(new CreateQueueCommand({
  QueueName: 'user-jobs.fifo',
  Attributes: { FifoQueue: 'true', VisibilityTimeout: '2', RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes.QueueArn, maxReceiveCount: 3 }) },
}));
for (let update = 1; update <= count; update += 1) {
  const user = `user-${update % 8}`;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ user, update }), MessageGroupId: user, MessageDeduplicationId: `update-${update}` }));
}
console.log(`sent ${count}`);
