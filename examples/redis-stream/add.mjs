// Adds orders to the stream: `node add.mjs 25 [first number]`.
import Redis from 'ioredis';

const [count = '10', first = '1'] = process.argv.slice(2);
const redis = new Redis(process.env.REDIS_URL);
for (let i = 0; i < Number(count); i += 1) {
  const id = await redis.xadd('orders', '*', 'order', `order-${Number(first) + i}`, 'amount', String(10 + i));
  console.log(`added order-${Number(first) + i} as ${id}`);
}
await redis.quit();
