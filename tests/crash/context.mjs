// What the load programs of a round share: the history, whether the broker is up, and when to stop.
import { setTimeout as sleep } from 'node:timers/promises';

export class Context {
  constructor({ history, random, broker, prefix }) {
    Object.assign(this, { history, random, broker, prefix });
    this.stopping = false;
    this.up = true;
    this.surprises = [];  // answers that no correct broker gives
    this.loops = [];
    this.acknowledged = 0;
  }

  // Repeats the body until the round stops; while the broker is away it waits.
  loop(body) {
    this.loops.push((async () => {
      while (!this.stopping) {
        if (!this.up) { await sleep(5); continue; }
        await body();
      }
    })());
  }

  // Runs one operation. classify(error) says 'unknown', or 'refused' when the broker said no; a refusal that `expected` does
  // not match is a surprise. Answers the result, or undefined.
  async attempt(op, call, { classify, expected = /^$/, result = (answer) => answer }) {
    try {
      op.ok(result(await call()));
      this.acknowledged += 1;
      return op;
    } catch (error) {
      if (classify(error) === 'refused') {
        op.refused(error);
        if (!expected.test(op.error)) this.surprises.push(`${op.name} ${JSON.stringify({ ...op, messages: undefined })}`);
      } else {
        op.unknown(error);
      }
      await sleep(2);
      return undefined;
    }
  }

  async stop() {
    this.stopping = true;
    await Promise.all(this.loops);
  }
}

export const within = async (timeoutMs, what, step) => {
  const deadline = Date.now() + timeoutMs;
  while (!(await step())) {
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(20);
  }
};
