// One topic of orders. Two services read it as groups; two others get a queue each, which a bridge fills inside the broker.
import { execFileSync } from 'node:child_process';

const weir = (...args) => execFileSync(process.env.WEIR ?? 'weir', args, { stdio: 'inherit' });

weir('topic', 'create', 'orders', '--partitions', '3', '--retention', '7d');

weir('queue', 'create', 'order-mails', '--lease', '1m', '--history', '1h');
weir('bridge', 'create', 'orders-to-mails', '--from', 'topic:orders', '--to', 'queue:order-mails');

weir('queue', 'create', 'order-checks', '--lease', '1m', '--history', '1h');  // only what is worth a look
weir('bridge', 'create', 'orders-to-checks', '--from', 'topic:orders', '--to', 'queue:order-checks', '--filter', 'header:size=large');
