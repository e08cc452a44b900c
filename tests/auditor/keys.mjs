// Judges compacted topics: of each key the newest change is there, or a newer one.
//   key.set   { log, key, number, deletes }       changes of a key are numbered, upwards, by one writer
//   key.whole { log } -> { newest: { key: number } }   what a reader of everything saw last of each key
import { groupBy } from './history.mjs';

export function judgeKeys(history) {
  const findings = [];
  const wholes = history.of('key.whole').filter(({ outcome }) => outcome === 'ok');
  for (const [log, changes] of groupBy(history.of('key.set'), (op) => op.log)) {
    const byKey = groupBy(changes, ({ key }) => key);
    for (const whole of wholes.filter((op) => op.log === log))
      for (const [key, ops] of byKey) for (const text of judgeKey(key, ops, whole)) findings.push(`compacted ${log}: ${text}`);
  }
  return findings;
}

function* judgeKey(key, ops, whole) {
  const last = ops.filter(({ outcome, ended }) => outcome === 'ok' && ended < whole.began).at(-1);
  const seen = whole.newest[key];
  if (seen !== undefined && !ops.some(({ number, outcome }) => number === seen && outcome !== 'refused'))
    yield `key ${key} shows change ${seen}, which nobody made`;
  if (!last) return;
  if (seen === undefined) {
    const deleted = ops.some(({ number, deletes, outcome }) => deletes && number >= last.number && outcome !== 'refused');
    if (!deleted) yield `change ${last.number} of key ${key} was acknowledged and is lost`;
  } else if (seen < last.number) {
    yield `key ${key} shows change ${seen} after ${last.number} was acknowledged`;
  }
}
