// An order goes through three steps: reserve, charge, ship. Each step is a queue with its own worker. What a worker acknowledges
// becomes an event of a topic, in the commit of the acknowledgement, and the event becomes the next step's message: both by
// bridges. No program has to live long enough to start the next step, and none can start it twice.
import { execFileSync } from 'node:child_process';

const weir = (...args) => execFileSync(process.env.WEIR ?? 'weir', args, { stdio: 'inherit' });
const steps = ['reserve', 'charge', 'ship'];

weir('queue', 'create', 'orders-stuck');
for (const [i, step] of steps.entries()) {
  weir('queue', 'create', step, '--lease', '2s', '--max-receives', '3', '--dead-letter', 'orders-stuck');
  weir('topic', 'create', `${step}-done`, '--retention', '7d');
  weir('bridge', 'create', `${step}-is-done`, '--from', `queue:${step}`, '--on', 'ack', '--to', `topic:${step}-done`);
  if (i > 0) weir('bridge', 'create', `then-${step}`, '--from', `topic:${steps[i - 1]}-done`, '--to', `queue:${step}`);
}
