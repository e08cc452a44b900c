// Places, pays and sends orders; several of these at once want the same orders. Usage: command.mjs ORDERS
import { ask, handle, topic } from './orders.mjs';

const made = await ask('POST', '', { name: topic, events: true });
if (made.status !== 201 && made.error.code !== 'already_exists') throw new Error(made.error.message);
const count = { done: 0, refused: 0, 'done before': 0 };
for (let i = 0; i < Number(process.argv[2] ?? 20); i += 1) {
  for (const command of ['place', 'pay', 'send']) {
    count[await handle(command, `order-${i}`, `${process.pid}-${i}-${command}`)] += 1;
  }
}
console.log(`done ${count.done + count['done before']} refused ${count.refused}`);
