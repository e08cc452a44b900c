// Judges logs: the partitions of topics, and the positions of groups.
//   log.append  { log, ids: [...], producer } -> { offset }   one batch; ids are in the records and unique; offset of the first
//   log.read    { log } -> { records: [{ offset, id }] }
//   log.whole   { log, low, high } -> { records }             everything there at the end of the run
//   group.commit { group, log, offset }
//   group.fetch  { group, log } -> { offset }                 -1: none
import { groupBy } from './history.mjs';

export function judgeLogs(history) {
  const findings = [];
  const appends = groupBy(history.of('log.append'), ({ log }) => log);
  const reads = groupBy(history.of('log.read', 'log.whole').filter(({ outcome }) => outcome === 'ok'), ({ log }) => log);
  for (const log of new Set([...appends.keys(), ...reads.keys()])) {
    const view = { appends: appends.get(log) ?? [], reads: reads.get(log) ?? [] };
    for (const rule of [oneRecordPerOffset, nothingLost, nothingFromNowhere, producersKeepTheirOrder, readersSeeNoGap])
      for (const text of rule(view)) findings.push(`log ${log}: ${text}`);
  }
  for (const text of positionsNeverGoBack(history)) findings.push(text);
  return findings;
}

// Also within acknowledged appends: the answer named an offset, and that offset has that record for ever.
function* oneRecordPerOffset({ appends, reads }) {
  const at = new Map();
  const observations = [
    ...appends.filter(({ outcome }) => outcome === 'ok').flatMap(({ ids, offset }) => ids.map((id, i) => ({ offset: offset + i, id, how: 'acknowledged' }))),
    ...reads.flatMap(({ records }) => records.map(({ offset, id }) => ({ offset, id, how: 'read' }))),
  ];
  for (const { offset, id, how } of observations) {
    const known = at.get(offset);
    if (known && known.id !== id) yield `offset ${offset} was ${known.how} as ${known.id} and ${how} as ${id}`;
    else if (!known) at.set(offset, { id, how });
  }
  const offsetOf = new Map();
  for (const [offset, { id }] of at) {
    if (offsetOf.has(id)) yield `${id} is stored at ${offsetOf.get(id)} and at ${offset}`;
    offsetOf.set(id, offset);
  }
}

const wholeOf = (reads) => reads.filter(({ name }) => name === 'log.whole').at(-1);

function* nothingLost({ appends, reads }) {
  const whole = wholeOf(reads);
  if (!whole) return;
  const there = new Set(whole.records.map(({ id }) => id));
  for (const { ids, outcome, offset } of appends) {
    const present = ids.filter((id) => there.has(id)).length;
    if (outcome === 'ok' && present < ids.length) yield `batch at ${offset} was acknowledged; ${ids.length - present} of its ${ids.length} records are gone (${ids[0]}...)`;
    if (outcome === 'unknown' && present > 0 && present < ids.length) yield `batch ${ids[0]}... is there in part: ${present} of ${ids.length} records`;
    if (outcome === 'refused' && present > 0) yield `batch ${ids[0]}... was refused and is there`;
  }
  for (let i = 0; i < whole.records.length; i += 1)
    if (whole.records[i].offset !== whole.low + i) { yield `offsets are not dense: ${whole.records[i].offset} where ${whole.low + i} is due`; break; }
  if (whole.records.length !== whole.high - whole.low) yield `${whole.records.length} records between ${whole.low} and ${whole.high}`;
}

function* nothingFromNowhere({ appends, reads }) {
  const sent = new Set(appends.flatMap(({ ids }) => ids));
  for (const id of new Set(reads.flatMap(({ records }) => records.map((record) => record.id))))
    if (!sent.has(id)) yield `${id} was read and never appended`;
}

function* producersKeepTheirOrder({ appends }) {
  for (const [producer, ops] of groupBy(appends.filter(({ outcome }) => outcome === 'ok'), (op) => op.producer)) {
    for (let i = 1; i < ops.length; i += 1)
      if (ops[i - 1].ended < ops[i].began && ops[i].offset < ops[i - 1].offset + ops[i - 1].ids.length)
        yield `producer ${producer}: batch ${ops[i].ids[0]} at ${ops[i].offset} after ${ops[i - 1].ids[0]} at ${ops[i - 1].offset}`;
  }
}

function* readersSeeNoGap({ reads }) {
  for (const { records } of reads) {
    for (let i = 1; i < records.length; i += 1)
      if (records[i].offset !== records[i - 1].offset + 1) { yield `a read went from offset ${records[i - 1].offset} to ${records[i].offset}`; break; }
  }
}

// A group's commits come from one member and only grow. What is fetched later is at least what was acknowledged before, at
// most what was ever asked for, and never less than an earlier answer.
function* positionsNeverGoBack(history) {
  const keyOf = ({ group, log }) => `${group} on ${log}`;
  const commits = groupBy(history.of('group.commit'), keyOf);
  for (const [key, fetches] of groupBy(history.of('group.fetch').filter(({ outcome }) => outcome === 'ok'), keyOf)) {
    let seen = { offset: -1, ended: -1 };
    for (const fetch of fetches) {
      const before = (commits.get(key) ?? []).filter(({ ended, outcome }) => outcome === 'ok' && ended < fetch.began);
      const least = Math.max(-1, ...before.map(({ offset }) => offset));
      const most = Math.max(-1, ...(commits.get(key) ?? []).filter(({ began, outcome }) => outcome !== 'refused' && began < fetch.ended).map(({ offset }) => offset));
      if (fetch.offset < least) yield `group ${key}: ${least} was committed and acknowledged, later it is at ${fetch.offset}`;
      if (fetch.offset > most) yield `group ${key}: at ${fetch.offset}, beyond any commit (${most})`;
      if (seen.ended < fetch.began && fetch.offset < seen.offset) yield `group ${key}: at ${fetch.offset} after ${seen.offset}`;
      if (fetch.offset > seen.offset) seen = fetch;
    }
  }
}
