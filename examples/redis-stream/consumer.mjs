// One consumer of the stream group `fulfilment`: `node consumer.mjs NAME`.
//
// Each order goes to one consumer of the group and stays on that consumer's pending list until XACK. What a crashed
// consumer left pending is taken over with XAUTOCLAIM once it has been idle for long enough.
import Redis from 'ioredis';

const name = process.argv[2] ?? 'one';
const idleMs = Number(process.env.CLAIM_IDLE_MS ?? 60_000);
const workMs = Number(process.env.WORK_MS ?? 10);
const [stream, group] = ['orders', 'fulfilment'];

const redis = new Redis(process.env.REDIS_URL);
let running = true;
process.once('SIGTERM', () => { running = false; redis.disconnect(); });

async function createGroup() {
  try {
    await redis.xgroup('CREATE', stream, group, '$', 'MKSTREAM');
    console.log('group created');
  } catch (error) {
    if (!error.message.startsWith('BUSYGROUP')) throw error;
    console.log('group exists (BUSYGROUP)');
  }
}

async function fulfil(verb, entries) {
  for (const [id, fields] of entries) {
    console.log(`${verb} ${fields[1]} ${id}`);
    await new Promise((done) => setTimeout(done, workMs));
    await redis.xack(stream, group, id);
    console.log(`acked ${fields[1]} ${id}`);
  }
}

// RESP3 answers with a map of streams, RESP2 with a list of pairs.
const entriesOf = (reply) => (Array.isArray(reply) ? reply[0][1] : Object.values(reply ?? { none: [] })[0]);

await createGroup();
console.log('ready');
try {
  while (running) {
    const [, abandoned] = await redis.xautoclaim(stream, group, name, idleMs, '0-0', 'COUNT', 10);
    await fulfil('claimed', abandoned);
    const reply = await redis.xreadgroup('GROUP', group, name, 'COUNT', 10, 'BLOCK', 5000, 'STREAMS', stream, '>');
    if (reply) await fulfil('read', entriesOf(reply));
  }
} catch (error) {
  if (running) throw error;
}
