// Reads the stream in order: `node consumer.mjs`, as many as there are partitions. Each partition has one reader, so no two
// consumers ever work for one user. What fails holds up its whole partition, so this one puts it aside after three tries.
import { Kafka, logLevel } from 'kafkajs';

const kafka = new Kafka({ clientId: 'profiles', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
const consumer = kafka.consumer({ groupId: 'profiles', heartbeatInterval: 1000 });
const aside = kafka.producer();
process.once('SIGTERM', async () => { await consumer.disconnect(); await aside.disconnect(); process.exit(0); });

function apply(user, { update }) {
  if (update === Number(process.env.BROKEN)) throw new Error('this update cannot be applied');
  console.log(`applied ${update} of ${user}`);
}

async function applyOrPutAside({ key, value }) {
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    try {
      return apply(String(key), JSON.parse(value));
    } catch (error) {
      console.log(`failed ${JSON.parse(value).update} of ${key}, attempt ${attempt}: ${error.message}`);
    }
  }
  await aside.send({ topic: 'user-updates-aside', messages: [{ key, value }] });
}

await aside.connect();
await consumer.connect();
consumer.on(consumer.events.GROUP_JOIN, () => console.log('joined'));
await consumer.subscribe({ topics: ['user-updates'], fromBeginning: true });
await consumer.run({ eachMessage: ({ message }) => applyOrPutAside(message) });
