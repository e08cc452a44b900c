// The events of orders: how a command is decided, and what the helpers of both programs share.
export const topic = 'order-events';
const base = `${process.env.WEIR_URL}/api/v1/topics`;

// Asks until the broker answers: while it starts, or makes its versions anew, it says 503 or nothing.
export async function ask(method, path, body) {
  for (;;) {
    const response = await fetch(`${base}${path}`, { method, body: body && JSON.stringify(body) }).catch(() => null);
    if (response && response.status !== 503) return { status: response.status, ...await response.json() };
    await new Promise((later) => setTimeout(later, 100));
  }
}

// The state of an order, from its events.
export function evolve(state, { type }) {
  return { Placed: 'placed', Paid: 'paid', Sent: 'sent' }[type] ?? state;
}

const rules = { place: [undefined, 'Placed'], pay: ['placed', 'Paid'], send: ['paid', 'Sent'] };

// A command: read the order, decide, append on the version that was read. Who came first wins; the other one decides again. The id is
// the command's own, so that a command whose answer was lost can be sent again.
export async function handle(command, order, id) {
  for (;;) {
    const { version, events } = await ask('GET', `/${topic}/keys/${order}/events`);
    if (events.some((event) => event.id === id)) return 'done before';
    const [needed, type] = rules[command];
    if (events.reduce(evolve, undefined) !== needed) return 'refused';
    const event = { key: order, type, id, value: JSON.stringify({ command }), expected: version ?? 'none' };
    const answer = await ask('POST', `/${topic}/events`, { events: [event] });
    if (answer.status < 300) return answer.duplicate ? 'done before' : 'done';
    if (answer.error.code !== 'version_conflict') throw new Error(answer.error.message);
  }
}
