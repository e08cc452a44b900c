// Runs the checks of this folder, each against a fresh broker in a temporary folder.
import { join } from 'node:path';
import { startBroker, temporaryFolder } from '../../tests/clients/support/broker.mjs';
import { Program } from '../../tests/clients/support/programs.mjs';

const examples = ['queue-worker', 'stream-consumer', 'replay', 'redis-stream', 'redis-list', 'bridge', 'history', 'fan-out', 'order-per-user', 'counts', 'workflow', 'audit-log', 'order-events', 'outbox'];
const checkTimeoutMs = 180_000;

async function run(name) {
  const { needs, check, missing: lacking } = await import(`./${name}.mjs`);
  if (lacking) return { skipped: lacking };
  const { folder, remove } = temporaryFolder(`example-${name}`);
  const broker = await startBroker({ data: join(folder, 'data') });
  const programs = [];
  const start = (file, options = {}) => {
    const program = new Program(join(import.meta.dirname, '..', file), { ...options, env: { ...broker.env, ...options.env } });
    programs.push(program);
    return program;
  };
  try {
    const missing = needs.filter((key) => !broker.addresses[key]);
    if (missing.length > 0) return { skipped: `the broker has no ${missing.join(' and ')} listener` };
    Object.assign(process.env, broker.env);
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`not done in ${checkTimeoutMs} ms`)), checkTimeoutMs); });
    const saw = await Promise.race([check({ broker, start }), late]).finally(() => clearTimeout(timer));
    await Promise.all(programs.filter(({ status }) => status === undefined).map((program) => program.kill()));
    await broker.stop();
    return { saw };
  } catch (error) {
    return { failed: error, log: broker.output };
  } finally {
    await Promise.all(programs.map((program) => program.kill()));
    await broker.kill();
    remove();
  }
}

const only = process.env.ONLY || process.argv[2];
if (only && !examples.includes(only)) {
  console.error(`no example ${only}; there are ${examples.join(', ')}`);
  process.exit(2);
}
const count = { passed: 0, failed: 0, skipped: 0 };
for (const name of only ? [only] : examples) {
  const began = Date.now();
  const result = await run(name).catch((failed) => ({ failed }));
  const seconds = `${((Date.now() - began) / 1000).toFixed(1)} s`;
  if (result.skipped) {
    count.skipped += 1;
    console.log(`skipped  ${name}: ${result.skipped}`);
  } else if (result.failed) {
    count.failed += 1;
    console.log(`FAILED   ${name} (${seconds}): ${result.failed.stack ?? result.failed}`);
    if (result.log) console.log(`the broker said:\n${result.log.slice(-3000)}`);
  } else {
    count.passed += 1;
    console.log(`passed   ${name} (${seconds}): ${result.saw}`);
  }
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 ? 1 : 0);
