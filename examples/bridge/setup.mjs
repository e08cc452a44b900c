// The topics, the queue and the two bridges. A bridge runs inside the broker, so each step is one commit: an event becomes
// exactly one work item, and an acknowledged work item exactly one audit record, whatever happens in between.
import { execFileSync } from 'node:child_process';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { Kafka, logLevel } from 'kafkajs';

const weir = (...args) => console.log(execFileSync(process.env.WEIR ?? 'weir', args, { encoding: 'utf8' }).trim());

const admin = new Kafka({ brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR }).admin();
await admin.connect();
await admin.createTopics({ topics: [{ topic: 'payments', numPartitions: 2 }, { topic: 'payment-audit', numPartitions: 1 }] });
await admin.disconnect();

await new SQSClient({}).send(new CreateQueueCommand({ QueueName: 'payment-work' }));
weir('queue', 'set', 'payment-work', '--history', '1h');  // keeps what was acknowledged readable, here to count it

weir('bridge', 'create', 'payments-to-work', '--from', 'topic:payments', '--to', 'queue:payment-work');
weir('bridge', 'create', 'work-to-audit', '--from', 'queue:payment-work', '--on', 'ack', '--to', 'topic:payment-audit');
