// Shows the counts: a line a minute and page.
import Redis from 'ioredis';

const redis = new Redis(process.env.REDIS_URL);
const counts = Object.entries(await redis.hgetall('page-views:counts')).sort(([a], [b]) => a.localeCompare(b));
for (const [name, views] of counts) console.log(`${name} ${views}`);
await redis.quit();
