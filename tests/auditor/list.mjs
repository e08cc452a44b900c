// Judges lists as queues: what is pushed is popped once or still there.
//   list.push  { list, id, producer }            at the tail
//   list.pop   { list } -> { id }                id null: nothing came; taken off for good, at the head
//   list.move  { list, to } -> { id }            from the head of one list to another
//   list.remove { list, id }                     a moved element is done
//   list.rest  { list, ids }                     what is there at the end
import { groupBy } from './history.mjs';

export function judgeLists(history) {
  const findings = [];
  const moves = history.of('list.move');
  for (const [list, pushes] of groupBy(history.of('list.push'), (op) => op.list)) {
    const working = new Set(moves.filter((op) => op.list === list).map(({ to }) => to));
    const here = (op) => op.list === list || working.has(op.list);
    const view = {
      pushes: new Map(pushes.map((op) => [op.id, op])),
      pops: history.of('list.pop').filter((op) => op.list === list),
      moves: moves.filter((op) => op.list === list),
      removes: groupBy(history.of('list.remove').filter(here), ({ id }) => id),
      rest: history.of('list.rest').filter(here).flatMap(({ ids }) => ids),
      audited: history.of('list.rest').some((op) => op.list === list),
    };
    for (const rule of [nothingTwice, nothingLost, nothingReturns, inOrder]) for (const text of rule(view)) findings.push(`list ${list}: ${text}`);
  }
  return findings;
}

const answered = (ops) => ops.filter(({ outcome, id }) => outcome === 'ok' && id !== null && id !== undefined);

function* nothingTwice({ pushes, pops, moves, rest }) {
  const taken = new Map();
  for (const { id } of [...answered(pops), ...answered(moves)]) taken.set(id, (taken.get(id) ?? 0) + 1);
  for (const [id, times] of taken) if (times > 1) yield `${id} was taken ${times} times`;
  const popped = new Set(answered(pops).map(({ id }) => id));
  const there = new Set();
  for (const id of rest) {
    if (there.has(id)) yield `${id} is there twice at the end`;
    if (popped.has(id)) yield `${id} was popped and is there at the end`;
    there.add(id);
  }
  for (const id of [...taken.keys(), ...there]) {
    if (!pushes.has(id)) yield `${id} came out and was never pushed`;
    else if (pushes.get(id).outcome === 'refused') yield `${id} came out although its push was refused`;
  }
}

// A pop whose answer never came may have taken one element; a move never loses any.
function* nothingLost({ pushes, pops, removes, rest, audited }) {
  if (!audited) return;
  const accounted = new Set([...answered(pops).map(({ id }) => id), ...rest, ...removes.keys()]);
  const missing = [...pushes.values()].filter(({ id, outcome }) => outcome === 'ok' && !accounted.has(id)).map(({ id }) => id);
  const unknown = pops.filter(({ outcome }) => outcome === 'unknown').length;
  if (missing.length > unknown) yield `${missing.length} acknowledged elements are gone, ${unknown} pops had an unknown outcome (${missing.slice(0, 5).join(', ')})`;
}

function* nothingReturns({ removes, rest }) {
  for (const id of rest) if ((removes.get(id) ?? []).some(({ outcome }) => outcome === 'ok')) yield `${id} was removed and is there at the end`;
}

// What one producer pushed one after another is taken in that order.
function* inOrder({ pushes, pops, moves }) {
  const takes = [...answered(pops), ...answered(moves)].sort((a, b) => a.began - b.began);
  for (const [producer, ops] of groupBy(takes.filter(({ id }) => pushes.has(id)), ({ id }) => pushes.get(id).producer)) {
    for (let i = 1; i < ops.length; i += 1) {
      const [first, second] = [ops[i - 1], ops[i]];
      if (first.ended < second.began && pushes.get(first.id).began > pushes.get(second.id).ended)
        yield `producer ${producer}: ${first.id} was taken before ${second.id}, which was pushed earlier`;
    }
  }
}
