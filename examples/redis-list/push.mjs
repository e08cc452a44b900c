// Pushes tasks onto a list: `node push.mjs LIST COUNT [first number]`.
import Redis from 'ioredis';

const [list = 'tasks', count = '10', first = '1'] = process.argv.slice(2);
const redis = new Redis(process.env.REDIS_URL);
for (let i = 0; i < Number(count); i += 1) await redis.lpush(list, `task-${Number(first) + i}`);
console.log(`pushed ${count} to ${list}`);
await redis.quit();
