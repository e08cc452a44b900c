// Reads what happened to orders, those of one customer in their order: an ordinary Kafka consumer.
import { Kafka, logLevel } from 'kafkajs';

const kafka = new Kafka({ clientId: 'billing', brokers: process.env.KAFKA_BROKERS.split(','), logLevel: logLevel.NOTHING, retry: { retries: 30, maxRetryTime: 500 } });
const consumer = kafka.consumer({ groupId: 'billing', sessionTimeout: 6000, allowAutoTopicCreation: false, heartbeatInterval: 1000 });
await consumer.connect();
await consumer.subscribe({ topics: ['order-events'], fromBeginning: true });
await consumer.run({
  eachMessage: async ({ message: { key, value, headers } }) => {
    const { id, total } = JSON.parse(value);
    console.log(`${headers.type} ${id} of ${key}: ${total}`);
  },
});
