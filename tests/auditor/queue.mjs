// Judges queues. Operations (fields beside those of every operation):
//   queue.send     { queue, id, group?, sequence? }            id is in the body and unique; sequence counts within its group
//   queue.receive  { queue, leaseMs } -> { messages: [{ id, messageId, count, handle }] }
//   queue.delete   { queue, id, handle }
//   queue.release  { queue, id, handle }                       the lease is given back, or its time changed: it may end from now on
//   queue.rest     { queue, messages: [{ id, messageId }] }    what the end of the run found: drained queues and dead letters
// limits: Map of queue -> { deadLetters, receivesMax }
import { groupBy } from './history.mjs';

export function judgeQueues(history, { limits = new Map() } = {}) {
  const findings = [];
  const deadQueues = new Set([...limits.values()].map(({ deadLetters }) => deadLetters));
  const sends = groupBy(history.of('queue.send'), ({ queue }) => queue);
  for (const [queue, sent] of sends) {
    const view = viewOf(history, queue, sent, limits.get(queue));
    for (const rule of [nothingFromNowhere, nothingLost, nothingDeletedReturns, oneLease, countsGrow, deadAtTheLimit, groupOrder])
      for (const text of rule(view)) findings.push(`queue ${queue}: ${text}`);
  }
  for (const queue of new Set(history.of('queue.receive').map((op) => op.queue))) {
    if (!sends.has(queue) && !deadQueues.has(queue)) findings.push(`queue ${queue}: received from, never sent to`);
  }
  return findings;
}

function viewOf(history, queue, sent, limit) {
  const receives = history.of('queue.receive').filter((op) => op.queue === queue && op.outcome === 'ok');
  const deliveries = receives.flatMap((receive) => receive.messages.map((message, index) => ({ ...message, receive, index })));
  const rest = (name) => history.of('queue.rest').filter((op) => op.queue === name).flatMap(({ messages }) => messages);
  return {
    sends: new Map(sent.map((op) => [op.id, op])),
    deliveries: groupBy(deliveries, ({ id }) => id),
    deletes: groupBy(history.of('queue.delete').filter((op) => op.queue === queue && op.outcome !== 'refused'), ({ id }) => id),
    releases: new Map(history.of('queue.release').filter((op) => op.queue === queue).map((op) => [op.handle, op])),
    rest: groupBy(rest(queue), ({ id }) => id),
    dead: groupBy(limit ? rest(limit.deadLetters) : [], ({ id }) => id),
    receives,
    unknownReceives: history.of('queue.receive').filter((op) => op.queue === queue && op.outcome === 'unknown').length,
    receivesMax: limit?.receivesMax ?? Infinity,
    audited: history.of('queue.rest').some((op) => op.queue === queue),
  };
}

function* nothingFromNowhere({ sends, deliveries, rest, dead }) {
  for (const id of new Set([...deliveries.keys(), ...rest.keys(), ...dead.keys()])) {
    const send = sends.get(id);
    if (!send) yield `${id} came out and was never sent`;
    else if (send.outcome === 'refused') yield `${id} came out although its send was refused (${send.error})`;
  }
  for (const [id, list] of deliveries) {
    const ids = new Set([...list, ...(dead.get(id) ?? [])].map(({ messageId }) => messageId));
    if (ids.size > 1) yield `${id} is stored ${ids.size} times (message ids ${[...ids].join(', ')})`;
    const send = sends.get(id);
    if (send?.messageId && !ids.has(send.messageId)) yield `${id} was acknowledged as ${send.messageId} and came out as ${[...ids]}`;
  }
}

function* nothingLost({ sends, deletes, rest, dead, audited }) {
  if (!audited) return;
  for (const [id, send] of sends) {
    const here = (rest.get(id)?.length ?? 0) + (dead.get(id)?.length ?? 0);
    if (send.outcome === 'ok' && !deletes.has(id) && here === 0) yield `${id} was acknowledged, never deleted, and is gone`;
    if (here > 1) yield `${id} is there ${here} times at the end`;
  }
}

function* nothingDeletedReturns({ deletes, deliveries, rest, dead }) {
  for (const [id, list] of deletes) {
    const done = list.find(({ outcome }) => outcome === 'ok');
    if (!done) continue;
    if (rest.has(id) || dead.has(id)) yield `${id} was deleted and is there at the end`;
    for (const { receive } of deliveries.get(id) ?? [])
      if (receive.began > done.ended) yield `${id} was deleted at ${done.ended.toFixed(0)} ms and delivered by a receive that began at ${receive.began.toFixed(0)} ms`;
  }
}

// A lease is granted between the begin and the end of its receive. Two leases of a message overlap when neither order of the
// two leaves room for the first to run out.
function* oneLease({ deliveries, releases }) {
  const fits = (first, second) => releases.get(first.handle)?.began < second.receive.ended
    || first.receive.began + first.receive.leaseMs <= second.receive.ended;
  for (const [id, list] of deliveries) {
    for (let i = 1; i < list.length; i += 1) {
      const [a, b] = [list[i - 1], list[i]];
      if (!fits(a, b) && !fits(b, a)) yield `${id} was with two receivers: leases of ${a.receive.leaseMs} ms granted until ${a.receive.ended.toFixed(0)} and ${b.receive.ended.toFixed(0)} ms`;
    }
  }
}

function* countsGrow({ deliveries }) {
  for (const [id, list] of deliveries) {
    const counts = new Set(list.map(({ count }) => count));
    if (counts.size !== list.length) yield `${id} was delivered ${list.length} times under the receive counts ${list.map(({ count }) => count).join(', ')}`;
    for (const a of list)
      for (const b of list)
        if (a.receive.ended < b.receive.began && a.count >= b.count) yield `${id}: receive count ${b.count} after ${a.count}`;
  }
}

function* deadAtTheLimit({ deliveries, dead, receivesMax, unknownReceives }) {
  for (const [id, list] of deliveries) {
    const most = Math.max(...list.map(({ count }) => count));
    if (most > receivesMax) yield `${id} was received ${most} times, the limit is ${receivesMax}`;
  }
  for (const id of dead.keys()) {
    const seen = deliveries.get(id)?.length ?? 0;
    if (seen + unknownReceives < receivesMax) yield `${id} is a dead letter after ${seen} receives (and ${unknownReceives} of unknown outcome), the limit is ${receivesMax}`;
  }
}

// Within a group a message is delivered only when every earlier one is deleted, dead, or comes before it in the same receive.
function* groupOrder({ sends, receives, deletes, dead }) {
  const groups = groupBy([...sends.values()].filter(({ group, outcome }) => group !== undefined && outcome === 'ok'), ({ group }) => group);
  for (const ops of groups.values()) ops.sort((a, b) => a.sequence - b.sequence);
  for (const receive of receives) {
    const sofar = new Map();
    for (const { id } of receive.messages) {
      const { group, sequence } = sends.get(id) ?? {};
      if (group === undefined) continue;
      const before = sofar.get(group) ?? new Set();
      for (const earlier of groups.get(group) ?? []) {
        if (earlier.sequence >= sequence) break;
        const settled = before.has(earlier.id) || dead.has(earlier.id) || (deletes.get(earlier.id) ?? []).some(({ began }) => began < receive.ended);
        if (!settled) yield `${id} was delivered before ${earlier.id} of the same group was done`;
      }
      sofar.set(group, before.add(id));
    }
  }
}
