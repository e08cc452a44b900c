// Judges chains of bridges: topic, queue of what passes a filter, audit of what was acknowledged.
//   bridge.put   { chain, id, group, sequence, passes }   a record; repeated under its id until its outcome is known
//   bridge.whole { chain } -> { messages: [{ id, group, offset, source }], events: [offset], missed, places: [source], copies: [source] }
//                once everything was acknowledged: what the queue ever held, and what the audit says of it; where the topic has
//                records, and of which a bridge of all of them made a copy
import { groupBy } from './history.mjs';

export function judgeBridges(history) {
  const findings = [];
  for (const whole of history.of('bridge.whole').filter(({ outcome }) => outcome === 'ok')) {
    const puts = history.of('bridge.put').filter(({ chain }) => chain === whole.chain);
    for (const text of [...judgeMessages(puts, whole.messages), ...judgeEvents(whole), ...judgeCopies(whole)]) findings.push(`bridges of ${whole.chain}: ${text}`);
  }
  return findings;
}

function* judgeMessages(puts, messages) {
  const known = new Map(puts.map((op) => [op.id, op]));
  const byId = groupBy(messages, ({ id }) => id);
  for (const { id, outcome, passes } of known.values()) {
    const count = byId.get(id)?.length ?? 0;
    if (passes && outcome === 'ok' && count === 0) yield `record ${id} was acknowledged and never became a message`;
    if (!passes && count > 0) yield `record ${id} became a message and does not pass the filter`;
    if (outcome === 'refused' && count > 0) yield `record ${id} was refused and became a message`;
    if (count > 1) yield `record ${id} became ${count} messages`;
  }
  for (const [source, same] of groupBy(messages, (message) => message.source)) if (same.length > 1) yield `${source} was moved ${same.length} times`;
  const newest = new Map();
  for (const { id, group } of messages) {
    const put = known.get(id);
    if (!put) { yield `message ${id} was never a record`; continue; }
    if (group !== put.group) yield `message ${id} is of group ${group} and not of ${put.group}`;
    if (put.sequence < (newest.get(put.group) ?? 0)) yield `message ${id} comes after a later one of its group`;
    newest.set(put.group, put.sequence);
  }
}

function* judgeEvents({ messages, events, missed }) {
  const told = groupBy(events, (offset) => offset);
  for (const { id, offset } of messages) {
    const count = told.get(offset)?.length ?? 0;
    if (count !== 1) yield `the acknowledgement of ${id} has ${count} events`;
    told.delete(offset);
  }
  for (const offset of told.keys()) yield `an event tells of offset ${offset}, where no message was`;
  if (missed !== 0) yield `${missed} acknowledgements were missed`;
}

function* judgeCopies({ places, copies }) {
  const made = groupBy(copies, (source) => source);
  for (const place of places) {
    const count = made.get(place)?.length ?? 0;
    if (count !== 1) yield `the record at ${place} has ${count} copies`;
    made.delete(place);
  }
  for (const source of made.keys()) yield `there is a copy of ${source}, where no record is`;
}
