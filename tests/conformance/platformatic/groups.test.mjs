// Groups of both protocols through @platformatic/kafka, against the broker at KAFKA_BROKERS.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Admin, Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'

const brokers = [process.env.KAFKA_BROKERS]
const waitMs = 30_000

async function withTopic (partitions, body) {
  const admin = new Admin({ clientId: 'admin', bootstrapBrokers: brokers })
  const topic = `topic-${randomUUID()}`
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
  const closing = []
  try {
    await body({ admin, topic, closing })
  } finally {
    for (const close of closing.reverse()) await close()
    await admin.close()
  }
}

async function fill (topic, count, partitions) {
  const producer = new Producer({ clientId: 'producer', bootstrapBrokers: brokers, serializers: stringSerializers })
  const messages = Array.from({ length: count }, (_, i) => ({ topic, key: `k${i}`, value: `v${i}`, partition: i % partitions }))
  await producer.send({ messages })
  await producer.close()
}

async function member (topic, groupId, groupProtocol, closing, seen) {
  const consumer = new Consumer({
    clientId: 'reader', groupId, groupProtocol, bootstrapBrokers: brokers, deserializers: stringDeserializers, maxWaitTime: 200
  })
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest', autocommit: false })
  const own = new Set()
  stream.on('data', message => {
    own.add(message.partition)
    seen.set(`${message.partition}/${message.offset}`, message.value)
  })
  closing.push(async () => {
    await stream.close()
    await consumer.close(true)
  })
  return own
}

async function until (condition, what) {
  const end = Date.now() + waitMs
  while (!(await condition())) {
    assert.ok(Date.now() < end, `not in ${waitMs} ms: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

for (const protocol of ['classic', 'consumer']) {
  test(`a lone member of the ${protocol} protocol reads everything`, async () => {
    await withTopic(4, async ({ topic, closing }) => {
      const seen = new Map()
      await fill(topic, 100, 4)
      const own = await member(topic, `group-${randomUUID()}`, protocol, closing, seen)
      await until(() => seen.size === 100, 'all records')
      assert.equal(own.size, 4)
    })
  })

  test(`two members of the ${protocol} protocol share the partitions`, async () => {
    await withTopic(4, async ({ admin, topic, closing }) => {
      const seen = new Map()
      const group = `group-${randomUUID()}`
      const first = await member(topic, group, protocol, closing, seen)
      const second = await member(topic, group, protocol, closing, seen)
      let round = 0
      await until(async () => {
        first.clear()
        second.clear()
        await fill(topic, 4, 4)
        round++
        await until(() => seen.size === 4 * round, 'all records of the round')
        return first.size === 2 && second.size === 2
      }, 'two partitions each')
      const groups = await admin.listGroups({ types: [protocol] })
      assert.ok(groups.has(group), 'the group is listed under its protocol')
    })
  })
}
