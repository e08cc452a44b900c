// The client libraries, for programs outside of this folder.
export * as sqs from '@aws-sdk/client-sqs';
export { default as Redis, ReplyError } from 'ioredis';
export { Kafka, logLevel } from 'kafkajs';
