// The auditor itself: each rule passes a clean history and finds the one thing that breaks it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, judge } from './index.mjs';

function found(build, options) {
  const history = new History();
  build((name, began, ended, fields) => history.add(name, { began, ended, ...fields }), history);
  return judge(history, options);
}
const clean = (build, options) => assert.deepEqual(found(build, options), []);
const finds = (pattern, build, options) => {
  const findings = found(build, options);
  assert.ok(findings.some((text) => pattern.test(text)), `expected ${pattern} among ${JSON.stringify(findings)}`);
};

const send = (add, id, at = 0, more = {}) => add('queue.send', at, at + 1, { queue: 'q', id, messageId: `m-${id}`, ...more });
const receive = (add, at, ids, more = {}) => add('queue.receive', at, at + 1, { queue: 'q', leaseMs: 100, messages: ids.map((id) => ({ id, messageId: `m-${id}`, count: 1, handle: `${id}@${at}` })), ...more });
const rest = (add, queue, ids) => add('queue.rest', 9000, 9001, { queue, messages: ids.map((id) => ({ id, messageId: `m-${id}` })) });
const limits = new Map([['q', { deadLetters: 'dead', receivesMax: 2 }]]);

test('a queue from which everything was taken is clean', () => clean((add) => {
  send(add, 'a'); send(add, 'b', 2);
  receive(add, 10, ['a']);
  add('queue.delete', 12, 13, { queue: 'q', id: 'a' });
  rest(add, 'q', ['b']);
}));

test('a lost acknowledged message is found, one of unknown outcome is not', () => {
  finds(/a was acknowledged.*gone/, (add) => { send(add, 'a'); rest(add, 'q', []); });
  clean((add) => { send(add, 'a', 0, { outcome: 'unknown' }); rest(add, 'q', []); });
  clean((add) => { send(add, 'a', 0, { outcome: 'unknown', messageId: undefined }); rest(add, 'q', ['a']); });
});

test('a message that was refused or never sent is found', () => {
  finds(/never sent/, (add) => { send(add, 'a'); receive(add, 5, ['a', 'ghost']); });
  finds(/refused/, (add) => { send(add, 'a', 0, { outcome: 'refused', messageId: undefined }); receive(add, 5, ['a']); });
});

test('a deleted message that returns is found', () => finds(/deleted at 8 ms/, (add) => {
  send(add, 'a');
  receive(add, 5, ['a']);
  add('queue.delete', 7, 8, { queue: 'q', id: 'a' });
  receive(add, 300, ['a']);
}));

test('two live leases are found; a release or the end of the lease makes room', () => {
  finds(/two receivers/, (add) => { send(add, 'a'); receive(add, 5, ['a']); receive(add, 50, ['a']); });
  clean((add) => { send(add, 'a'); receive(add, 5, ['a']); receive(add, 106, ['a'], { messages: [{ id: 'a', messageId: 'm-a', count: 2 }] }); });
  clean((add) => {
    send(add, 'a'); receive(add, 5, ['a']);
    add('queue.release', 20, 21, { queue: 'q', id: 'a', handle: 'a@5' });
    receive(add, 30, ['a'], { messages: [{ id: 'a', messageId: 'm-a', count: 2 }] });
  });
});

test('a receive count that repeats is found', () => finds(/receive counts 1, 1/, (add) => { send(add, 'a'); receive(add, 5, ['a']); receive(add, 500, ['a']); }));

test('a dead letter before or after the limit is found', () => {
  finds(/dead letter after 1/, (add) => { send(add, 'a'); receive(add, 5, ['a']); rest(add, 'q', []); rest(add, 'dead', ['a']); }, { limits });
  finds(/received 3 times/, (add) => { send(add, 'a'); receive(add, 5, ['a'], { messages: [{ id: 'a', messageId: 'm-a', count: 3 }] }); }, { limits });
});

test('a group out of order is found', () => {
  const one = (add) => { send(add, 'a', 0, { group: 'g', sequence: 1 }); send(add, 'b', 2, { group: 'g', sequence: 2 }); };
  finds(/b was delivered before a/, (add) => { one(add); receive(add, 5, ['b']); });
  clean((add) => { one(add); receive(add, 5, ['a', 'b']); });
  finds(/b was delivered before a/, (add) => { one(add); receive(add, 5, ['b', 'a']); });
  clean((add) => { one(add); receive(add, 5, ['a']); add('queue.delete', 7, 8, { queue: 'q', id: 'a' }); receive(add, 9, ['b']); });
});

const append = (add, offset, ids, more = {}) => add('log.append', offset * 10, offset * 10 + 1, { log: 't/0', producer: 'p', ids, offset, ...more });
const whole = (add, ids, low = 0) => add('log.whole', 900, 901, { log: 't/0', low, high: low + ids.length, records: ids.map((id, i) => ({ offset: low + i, id })) });

test('a log keeps what it acknowledged where it acknowledged it', () => {
  clean((add) => { append(add, 0, ['a', 'b']); append(add, 2, ['c']); whole(add, ['a', 'b', 'c']); });
  finds(/1 of its 2 records are gone/, (add) => { append(add, 0, ['a', 'b']); whole(add, ['a']); });
  finds(/offset 0 was acknowledged as a and read as b/, (add) => { append(add, 0, ['a']); append(add, 1, ['b']); whole(add, ['b', 'a']); });
  finds(/there in part/, (add) => { append(add, 0, ['a', 'b'], { outcome: 'unknown', offset: undefined }); whole(add, ['a']); });
  finds(/went from offset 0 to 2/, (add) => { append(add, 0, ['a', 'b', 'c']); add('log.read', 90, 91, { log: 't/0', records: [{ offset: 0, id: 'a' }, { offset: 2, id: 'c' }] }); });
  finds(/never appended/, (add) => whole(add, ['x']));
  finds(/producer p/, (add) => { append(add, 5, ['a'], { began: 1, ended: 2 }); append(add, 0, ['b'], { began: 3, ended: 4 }); });
});

test('a committed position that goes back is found', () => {
  const commit = (add, at, offset, more = {}) => add('group.commit', at, at + 1, { group: 'g', log: 't/0', offset, ...more });
  const fetch = (add, at, offset) => add('group.fetch', at, at + 1, { group: 'g', log: 't/0', offset });
  clean((add) => { commit(add, 1, 5); fetch(add, 3, 5); commit(add, 5, 9, { outcome: 'unknown' }); fetch(add, 8, 9); });
  finds(/5 was committed/, (add) => { commit(add, 1, 5); fetch(add, 3, 4); });
  finds(/beyond any commit/, (add) => { commit(add, 1, 5); fetch(add, 3, 6); });
  finds(/at 5 after 9/, (add) => { commit(add, 1, 5); commit(add, 2, 9, { outcome: 'unknown' }); fetch(add, 5, 9); fetch(add, 8, 5); });
});

test('a list loses and repeats nothing', () => {
  const push = (add, id, at) => add('list.push', at, at + 1, { list: 'l', id, producer: 'p' });
  const pop = (add, id, at, more = {}) => add('list.pop', at, at + 1, { list: 'l', id, ...more });
  const end = (add, ids, list = 'l') => add('list.rest', 900, 901, { list, ids });
  clean((add) => { push(add, 'a', 1); push(add, 'b', 3); pop(add, 'a', 5); end(add, ['b']); });
  finds(/1 acknowledged elements are gone, 0 pops/, (add) => { push(add, 'a', 1); end(add, []); });
  clean((add) => { push(add, 'a', 1); pop(add, undefined, 3, { outcome: 'unknown' }); end(add, []); });
  finds(/taken 2 times/, (add) => { push(add, 'a', 1); pop(add, 'a', 3); pop(add, 'a', 5); });
  finds(/popped and is there/, (add) => { push(add, 'a', 1); pop(add, 'a', 3); end(add, ['a']); });
  finds(/b was taken before a/, (add) => { push(add, 'a', 1); push(add, 'b', 3); pop(add, 'b', 5); pop(add, 'a', 7); });
  finds(/gone/, (add) => { push(add, 'a', 1); add('list.move', 3, 4, { list: 'l', to: 'w', outcome: 'unknown' }); end(add, []); end(add, [], 'w'); });
  finds(/was removed and is there/, (add) => { push(add, 'a', 1); add('list.move', 3, 4, { list: 'l', to: 'w', id: 'a' }); add('list.remove', 5, 6, { list: 'w', id: 'a' }); end(add, []); end(add, ['a'], 'w'); });
});

test('a stream keeps its entries, and a group what it acknowledged', () => {
  const entry = (n) => `${n}-0`;
  const addTo = (add, id, n) => add('stream.add', n * 10, n * 10 + 1, { stream: 's', id, entry: entry(n) });
  const read = (add, at, list, how = 'new') => add('stream.read', at, at + 1, { stream: 's', group: 'g', how, entries: list.map(([id, n]) => ({ id, entry: entry(n) })) });
  const ack = (add, at, n, count = 1) => add('stream.ack', at, at + 1, { stream: 's', group: 'g', entry: entry(n), count });
  const all = (add, list) => add('stream.whole', 900, 901, { stream: 's', entries: list.map(([id, n]) => ({ id, entry: entry(n) })) });
  const pending = (add, list) => add('stream.pending', 902, 903, { stream: 's', group: 'g', entries: list.map(entry) });
  clean((add) => { addTo(add, 'a', 1); addTo(add, 'b', 2); read(add, 30, [['a', 1], ['b', 2]]); ack(add, 40, 1); all(add, [['a', 1], ['b', 2]]); pending(add, [2]); });
  finds(/acknowledged as 1-0 and is gone/, (add) => { addTo(add, 'a', 1); all(add, []); });
  finds(/handed out as new twice/, (add) => { addTo(add, 'a', 1); read(add, 30, [['a', 1]]); read(add, 40, [['a', 1]]); });
  clean((add, history) => { addTo(add, 'a', 1); read(add, 30, [['a', 1]]); history.marks.push({ what: 'kill', at: 35 }); read(add, 40, [['a', 1]]); });
  finds(/acknowledged and delivered again/, (add) => { addTo(add, 'a', 1); read(add, 30, [['a', 1]]); ack(add, 40, 1); read(add, 50, [['a', 1]], 'claim'); });
  clean((add, history) => {
    addTo(add, 'a', 1);
    read(add, 30, [['a', 1]]);
    history.marks.push({ what: 'kill', at: 35 });
    ack(add, 40, 1, 0);
    read(add, 50, [['a', 1]]);
  });
  finds(/acknowledged and is pending/, (add) => { addTo(add, 'a', 1); read(add, 30, [['a', 1]]); ack(add, 40, 1); pending(add, [1]); });
  finds(/never delivered/, (add) => { addTo(add, 'a', 1); addTo(add, 'b', 2); read(add, 30, [['a', 1]]); pending(add, [1]); });
});

const setKey = (add, key, number, at, more = {}) => add('key.set', at, at + 1, { log: 't', key, number, ...more });
const wholeTopic = (add, newest, at = 9000) => add('key.whole', at, at + 1, { log: 't', newest });

test('a compacted topic that shows the newest change of each key is clean', () => {
  clean((add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5); setKey(add, 'b', 3, 6); wholeTopic(add, { a: 2, b: 3 }); });
  clean((add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5, { outcome: 'unknown' }); wholeTopic(add, { a: 2 }); });
  clean((add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5, { outcome: 'unknown' }); wholeTopic(add, { a: 1 }); });
  clean((add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5, { deletes: true }); wholeTopic(add, {}); });
});

test('a key that is lost, old, or came back is found', () => {
  finds(/change 1 of key a.*lost/, (add) => { setKey(add, 'a', 1, 0); wholeTopic(add, {}); });
  finds(/shows change 1 after 2/, (add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5); wholeTopic(add, { a: 1 }); });
  finds(/shows change 1 after 2/, (add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5, { deletes: true }); wholeTopic(add, { a: 1 }); });
  finds(/nobody made/, (add) => { setKey(add, 'a', 1, 0); setKey(add, 'a', 2, 5, { outcome: 'refused' }); wholeTopic(add, { a: 2 }); });
});

const put = (add, id, more = {}) => add('bridge.put', 0, 1, { chain: 'c', id, group: 'g', sequence: Number(id), passes: true, ...more });
const message = (id, offset, more = {}) => ({ id, group: 'g', offset, source: `c/0/${offset}`, ...more });
const chain = (add, messages, more = {}) => add('bridge.whole', 9, 10, { chain: 'c', messages, events: messages.map(({ offset }) => offset), missed: 0, places: [], copies: [], ...more });

test('a chain of bridges with one message and one event for each record is clean', () => clean((add) => {
  put(add, '1'); put(add, '2', { passes: false }); put(add, '3', { outcome: 'unknown' }); put(add, '4');
  chain(add, [message('1', 0), message('4', 1)]);
}));

test('what a bridge loses, doubles, mixes up or invents is found', () => {
  finds(/1 was acknowledged and never/, (add) => { put(add, '1'); chain(add, []); });
  finds(/1 became 2 messages/, (add) => { put(add, '1'); chain(add, [message('1', 0), message('1', 1)]); });
  finds(/was moved 2 times/, (add) => { put(add, '1'); put(add, '2'); chain(add, [message('1', 0), message('2', 1, { source: 'c/0/0' })]); });
  finds(/does not pass/, (add) => { put(add, '1', { passes: false }); chain(add, [message('1', 0)]); });
  finds(/never a record/, (add) => { chain(add, [message('1', 0)]); });
  finds(/of group x/, (add) => { put(add, '1'); chain(add, [message('1', 0, { group: 'x' })]); });
  finds(/after a later one/, (add) => { put(add, '1'); put(add, '2'); chain(add, [message('2', 0), message('1', 1)]); });
});

test('an audit that is short, repeats itself or says too much is found', () => {
  const withEvents = (events, missed = 0) => (add) => { put(add, '1'); chain(add, [message('1', 0)], { events, missed }); };
  finds(/of 1 has 0 events/, withEvents([]));
  finds(/of 1 has 2 events/, withEvents([0, 0]));
  finds(/offset 7, where no message/, withEvents([0, 7]));
  finds(/2 acknowledgements were missed/, withEvents([0], 2));
});

test('a copy that is missing, twice or of nothing is found', () => {
  const copies = (...made) => (add) => chain(add, [], { places: ['c/0/0'], copies: made });
  clean(copies('c/0/0'));
  finds(/c\/0\/0 has 0 copies/, copies());
  finds(/c\/0\/0 has 2 copies/, copies('c/0/0', 'c/0/0'));
  finds(/c\/0\/1, where no record/, copies('c/0/0', 'c/0/1'));
});
