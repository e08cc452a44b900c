// The plain list worker: BRPOP takes a task off the list and hands it over. Simple, and a task is gone when the worker dies
// while it works on it; see reliable-worker.mjs for the form that survives that. `node worker.mjs [LIST]`
import Redis from 'ioredis';

const list = process.argv[2] ?? 'tasks';
const redis = new Redis(process.env.REDIS_URL);
let running = true;
process.once('SIGTERM', () => { running = false; redis.disconnect(); });

console.log('ready');
while (running) {
  const popped = await redis.brpop(list, 5).catch((error) => { if (running) throw error; });
  if (popped) console.log(`done ${popped[1]}`);
}
