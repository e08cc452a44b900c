// Judges Redis streams and their groups.
//   stream.add   { stream, id } -> { entry }                     id is in the body and unique; entry is the stream's own id
//   stream.read  { stream, group, how } -> { entries: [{ entry, id }] }   how: 'new' (>), 'claim'
//   stream.ack   { stream, group, entry } -> { count }           0: the entry was not pending, as after a crash that took its delivery
//   stream.whole { stream, entries }                             all that is there at the end
//   stream.pending { stream, group, entries: [entry] }           at the end, after everything new was read
import { groupBy } from './history.mjs';

export function judgeStreams(history) {
  const findings = [];
  for (const [stream, adds] of groupBy(history.of('stream.add'), (op) => op.stream)) {
    const reads = history.of('stream.read').filter((op) => op.stream === stream && op.outcome === 'ok');
    const whole = history.of('stream.whole').filter((op) => op.stream === stream).at(-1);
    const view = { history, adds, reads, whole, acks: history.of('stream.ack').filter((op) => op.stream === stream), pending: history.of('stream.pending').filter((op) => op.stream === stream) };
    for (const rule of [entriesStay, deliveries, acknowledgedStaysSo]) for (const text of rule(view)) findings.push(`stream ${stream}: ${text}`);
  }
  return findings;
}

const compare = (a, b) => {
  const [[x, i], [y, j]] = [a, b].map((entry) => entry.split('-').map(BigInt));
  return x === y ? Number(i - j) : Number(x - y);
};

function* entriesStay({ adds, reads, whole }) {
  const idOf = new Map();
  const observed = [...adds.filter(({ outcome }) => outcome === 'ok'), ...reads.flatMap(({ entries }) => entries), ...(whole?.entries ?? [])];
  for (const { entry, id } of observed) {
    if (idOf.has(entry) && idOf.get(entry) !== id) yield `${entry} was ${idOf.get(entry)} and is ${id}`;
    idOf.set(entry, id);
  }
  const sent = new Map(adds.map((op) => [op.id, op]));
  for (const id of new Set(idOf.values())) if (!sent.has(id)) yield `${id} is there and was never added`;
  for (let i = 1; i < adds.length; i += 1) {
    const [a, b] = [adds[i - 1], adds[i]];
    if (a.outcome === 'ok' && b.outcome === 'ok' && a.ended < b.began && compare(a.entry, b.entry) >= 0) yield `${b.entry} was given after ${a.entry}`;
  }
  if (!whole) return;
  const there = new Set(whole.entries.map(({ entry }) => entry));
  for (const { outcome, entry, id } of adds) if (outcome === 'ok' && !there.has(entry)) yield `${id} was acknowledged as ${entry} and is gone`;
  for (let i = 1; i < whole.entries.length; i += 1)
    if (compare(whole.entries[i - 1].entry, whole.entries[i].entry) >= 0) yield `entries are out of order at ${whole.entries[i].entry}`;
}

// A new entry goes to one consumer once; after a crash a delivery may repeat. In the end the group has seen everything.
function* deliveries({ history, adds, reads, pending }) {
  for (const [group, ops] of groupBy(reads, (op) => op.group)) {
    const first = new Map();
    for (const op of ops) {
      for (const { entry } of op.entries) {
        const known = first.get(entry);
        if (op.how === 'new' && known && !history.killedBetween(known.began, op.ended)) yield `group ${group}: ${entry} was handed out as new twice`;
        if (!known) first.set(entry, op);
      }
    }
    if (pending.length === 0) continue;
    const unread = history.of('stream.read').some((op) => op.group === group && op.outcome === 'unknown');
    const waiting = new Set(pending.filter((op) => op.group === group).flatMap(({ entries }) => entries));
    for (const { outcome, entry } of adds)
      if (outcome === 'ok' && !first.has(entry) && !(unread && waiting.has(entry))) yield `group ${group}: ${entry} was never delivered and is not pending`;
  }
}

function* acknowledgedStaysSo({ reads, acks, pending }) {
  for (const { group, entry, outcome, count, ended } of acks) {
    if (outcome !== 'ok' || count === 0) continue;
    if (pending.some((op) => op.group === group && op.entries.includes(entry))) yield `group ${group}: ${entry} was acknowledged and is pending`;
    for (const read of reads)
      if (read.group === group && read.began > ended && read.entries.some((other) => other.entry === entry)) yield `group ${group}: ${entry} was acknowledged and delivered again`;
  }
}
