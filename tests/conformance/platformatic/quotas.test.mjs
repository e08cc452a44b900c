// Quotas of clients through @platformatic/kafka, against the broker at KAFKA_BROKERS.

import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { Admin, Producer, stringSerializers } from '@platformatic/kafka'

const brokers = [process.env.KAFKA_BROKERS]

async function withAdmin (body) {
  const admin = new Admin({ clientId: 'admin', bootstrapBrokers: brokers })
  try {
    await body(admin)
  } finally {
    await admin.close()
  }
}

const entryOf = (entities, ops) => ({ entities, ops })
const namesOf = entries => entries.map(({ entity }) => entity.map(({ entityType, entityName }) => `${entityType}=${entityName}`).join())

test('quotas are set, found and removed', async () => {
  await withAdmin(async admin => {
    const user = `user-${randomUUID()}`
    const whose = [{ entityType: 'user', entityName: user }, { entityType: 'client-id', entityName: null }]
    await admin.alterClientQuotas({
      entries: [entryOf(whose, [
        { key: 'producer_byte_rate', value: 1048576, remove: false },
        { key: 'request_percentage', value: 12.5, remove: false }
      ])]
    })
    const components = [{ entityType: 'user', matchType: 0, match: user }]
    const found = await admin.describeClientQuotas({ components })
    assert.deepEqual(namesOf(found), [`user=${user},client-id=null`])
    assert.deepEqual(found[0].values.map(({ key, value }) => [key, value]), [['producer_byte_rate', 1048576], ['request_percentage', 12.5]])
    assert.deepEqual(await admin.describeClientQuotas({ components, strict: true }), [])
    await admin.alterClientQuotas({
      entries: [entryOf(whose, ['producer_byte_rate', 'request_percentage'].map(key => ({ key, remove: true })))]
    })
    assert.deepEqual(await admin.describeClientQuotas({ components }), [])
  })
})

test('a quota that cannot be enforced is refused', async () => {
  await withAdmin(async admin => {
    const set = (entityType, entityName) => admin.alterClientQuotas({
      entries: [entryOf([{ entityType, entityName }], [{ key: 'connection_creation_rate', value: 1, remove: false }])]
    })
    await assert.rejects(set('user', `user-${randomUUID()}`), 'connections are those of addresses')
    await assert.rejects(set('ip', 'host.example'), 'names of hosts are not looked up')
  })
})

test('a producer keeps to its quota', async () => {
  await withAdmin(async admin => {
    const clientId = `producer-${randomUUID()}`
    const topic = `topic-${randomUUID()}`
    const whose = [{ entityType: 'client-id', entityName: clientId }]
    await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 })
    await admin.alterClientQuotas({ entries: [entryOf(whose, [{ key: 'producer_byte_rate', value: 50_000, remove: false }])] })
    const producer = new Producer({ clientId, bootstrapBrokers: brokers, serializers: stringSerializers })
    try {
      // Four seconds' worth above the burst. Its answer may come late on a busy machine, which shortens what is seen of the pause.
      await producer.send({ messages: [{ topic, key: 'k', value: 'x'.repeat(700_000) }] })
      const begun = Date.now()
      await producer.send({ messages: [{ topic, key: 'k', value: 'x' }] })
      assert.ok(Date.now() - begun >= 1300, `${Date.now() - begun} ms`)
    } finally {
      await producer.close()
    }
    await admin.alterClientQuotas({ entries: [entryOf(whose, [{ key: 'producer_byte_rate', remove: true }])] })
  })
})
