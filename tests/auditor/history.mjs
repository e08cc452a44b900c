// The history of a run: every operation that a client began, in order, with what became of it.
//
//   const op = history.begin('sqs.send', { queue, id });
//   op.ok({ messageId })     the client has the answer
//   op.unknown(error)        it never learned the outcome: both stay possible
//   op.refused(error)        the broker said no: it must have had no effect
//
// Times are milliseconds of one monotonic clock; `kill` marks when the broker was killed, `ready` when it was back.
import { performance } from 'node:perf_hooks';

export class Operation {
  constructor(number, name, fields, at) {
    Object.assign(this, { number, name, ...fields, began: at, ended: Infinity, outcome: 'unknown' });
  }

  ok(result = {}) { return this.#end('ok', result); }

  unknown(error) { return this.#end('unknown', { error: String(error?.message ?? error) }); }

  refused(error) { return this.#end('refused', { error: `${error?.name ?? ''} ${error?.message ?? error}`.trim() }); }

  #end(outcome, fields) {
    Object.assign(this, fields, { outcome, ended: this.clock() });
    return this;
  }

  clock() { return performance.now(); }
}

export class History {
  operations = [];
  marks = [];

  begin(name, fields = {}) {
    const op = new Operation(this.operations.length, name, fields, performance.now());
    this.operations.push(op);
    return op;
  }

  mark(what) { this.marks.push({ what, at: performance.now() }); }

  of(...names) { return this.operations.filter(({ name }) => names.includes(name)); }

  // Whether the broker was killed between two moments.
  killedBetween(from, to) { return this.marks.some(({ what, at }) => what === 'kill' && at >= from && at <= to); }

  // For tests of the auditor: an operation with given times.
  add(name, fields) {
    const op = new Operation(this.operations.length, name, {}, 0);
    this.operations.push(Object.assign(op, { outcome: 'ok', ended: fields.began ?? 0 }, fields));
    return op;
  }

  toLines() {
    return [...this.marks.map((mark) => ({ mark })), ...this.operations].map((entry) => JSON.stringify(entry)).join('\n');
  }
}

// Groups by a key: Map of key to list.
export function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOf(item);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(item);
  }
  return groups;
}
