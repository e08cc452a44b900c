// Transfers are worked off a queue; that each was done is recorded, in the same commit, on a topic that nobody can shorten for a
// year: no administrator, through no protocol. LOCK is for those who want to try it out for a shorter time.
import { execFileSync } from 'node:child_process';

const weir = (...args) => execFileSync(process.env.WEIR ?? 'weir', args, { stdio: 'inherit' });

weir('topic', 'create', 'transfer-audit');
weir('topic', 'set', 'transfer-audit', '--retention-lock', process.env.LOCK ?? '365d');
weir('queue', 'create', 'transfers-dead');
weir('queue', 'create', 'transfers', '--lease', '2s', '--max-receives', '2', '--dead-letter', 'transfers-dead');
for (const what of ['ack', 'dead-letter', 'expiry']) {
  weir('bridge', 'create', `transfer-${what}`, '--from', 'queue:transfers', '--on', what, '--to', 'topic:transfer-audit');
}
