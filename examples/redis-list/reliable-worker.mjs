// The reliable list worker: `node reliable-worker.mjs NAME [LIST]`.
//
// BLMOVE moves a task in one step from the shared list to this worker's own list, where it stays until the work is done.
// A worker that starts again under the same name first puts back what its predecessor was working on.
import Redis from 'ioredis';

const [name = 'one', list = 'reliable-tasks'] = process.argv.slice(2);
const workMs = Number(process.env.WORK_MS ?? 10);
const inHand = `${list}:${name}`;
const redis = new Redis(process.env.REDIS_URL);
let running = true;
process.once('SIGTERM', () => { running = false; redis.disconnect(); });

for (let task; (task = await redis.lmove(inHand, list, 'LEFT', 'RIGHT')) !== null;) console.log(`returned ${task}`);

console.log('ready');
try {
  while (running) {
    const task = await redis.blmove(list, inHand, 'RIGHT', 'LEFT', 5);
    if (task === null) continue;
    console.log(`took ${task}`);
    await new Promise((done) => setTimeout(done, workMs));
    await redis.lrem(inHand, 1, task);
    console.log(`done ${task}`);
  }
} catch (error) {
  if (running) throw error;
}
