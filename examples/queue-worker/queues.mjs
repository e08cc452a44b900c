// The two queues of this example: `jobs`, and `jobs-dead` for what failed too often.
import { CreateQueueCommand, GetQueueAttributesCommand } from '@aws-sdk/client-sqs';

export async function createQueues(sqs, { maxReceiveCount = 3 } = {}) {
  const dead = await sqs.send(new CreateQueueCommand({ QueueName: 'jobs-dead' }));
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: dead.QueueUrl, AttributeNames: ['QueueArn'] }));
  const jobs = await sqs.send(new CreateQueueCommand({
    QueueName: 'jobs',
    Attributes: { RedrivePolicy: JSON.stringify({ deadLetterTargetArn: Attributes.QueueArn, maxReceiveCount }) },
  }));
  return { jobs: jobs.QueueUrl, dead: dead.QueueUrl };
}
