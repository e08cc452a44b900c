// One round: a fresh data folder, load, a number of kills or power cuts with a restart after each, then the audit.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, realpathSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { History, judge } from '../auditor/index.mjs';
import { startBroker, temporaryFolder } from '../clients/support/broker.mjs';
import { Context, within } from './context.mjs';
import { Random } from './random.mjs';
import { powerCutTools, smallStorage } from './settings.mjs';

const top = resolve(import.meta.dirname, '../..');
const loads = { sqs: './load/sqs.mjs', kafka: './load/kafka.mjs', compacted: './load/compacted.mjs', redis: './load/redis.mjs', bridges: './load/bridges.mjs' };
const listeners = { sqs: 'aws', kafka: 'kafka', compacted: 'kafka', redis: 'redis', bridges: 'aws' };
const progressMs = 30_000;
const findingsMax = 20;

export async function round({ seed, kills, protocols, powerCut, canary }) {
  const { folder, remove } = temporaryFolder(powerCut ? 'power-cut' : 'crash');
  const data = join(realpathSync(folder), 'data');
  const undo = join(realpathSync(folder), 'undo');
  mkdirSync(data);
  mkdirSync(undo);
  const tools = powerCut ? powerCutTools() : null;
  const env = { ...smallStorage, ...(canary && { WEIR_CANARY: canary }), ...(tools && { LD_PRELOAD: tools.library, WEIR_POWERCUT_DATA: data, WEIR_POWERCUT_LOG: undo }) };
  const random = new Random(seed);
  const history = new History();
  const broker = await startBroker({ data, env });
  const context = new Context({ history, random, broker, prefix: `s${seed}` });
  const cuts = [];
  let findings = [];
  let done = 0;
  try {
    const running = protocols.filter((name) => broker.addresses[listeners[name]]);
    if (running.length === 0) return { skipped: `the broker listens for none of ${protocols.join(', ')}` };
    const programs = [];
    for (const name of running) programs.push(await (await import(loads[name])).load(context));
    for (; done < kills; done += 1) {
      await untilProgress(context);
      await sleep(random.between(5, random.oneIn(3) ? 60 : 700));
      context.up = false;
      history.mark('kill');
      await broker.kill();
      if (tools) cuts.push(execFileSync(tools.cutter, ['--data', data, '--log', undo, '--seed', String(random.below(2 ** 40)), '--explain', join(folder, `cut-${done + 1}.txt`)], { encoding: 'utf8' }).trim());
      await broker.start();
      history.mark('ready');
      context.up = true;
    }
    await untilProgress(context);
    await context.stop();
    for (const program of programs) await program.audit();
    findings = [...context.surprises, ...judge(history, Object.assign({}, ...programs.map(({ judgement }) => judgement)))];
    await broker.stop();
    return { findings: findings.slice(0, findingsMax), done, said: `${running.join(', ')}: ${history.operations.length} operations, ${context.acknowledged} acknowledged`, cuts };
  } catch (error) {
    findings = [`the round broke off after ${done} kills: ${error.stack ?? error}`, ...context.surprises];
    return { findings: findings.slice(0, findingsMax), done, said: '', cuts };
  } finally {
    context.stopping = true;
    context.up = true;
    await broker.kill();
    if (findings.length > 0 && !canary) keep({ seed, folder, history, broker });
    remove();
  }
}

// The broker must serve again after a restart: something is acknowledged within a bounded time.
async function untilProgress(context) {
  const before = context.acknowledged;
  await within(progressMs, 'anything acknowledged', () => {
    if (!context.broker.running) throw new Error(`the broker ended by itself:\n${context.broker.output.slice(-4000)}`);
    return context.acknowledged >= before + 20;
  });
}

function keep({ seed, folder, history, broker }) {
  const kept = join(top, 'build/crash', `seed-${seed}`);
  execFileSync('rm', ['-rf', kept]);
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, 'history.jsonl'), history.toLines());
  writeFileSync(join(kept, 'broker.log'), broker.output);
  for (const name of readdirSync(folder).filter((file) => file.startsWith('cut-'))) copyFileSync(join(folder, name), join(kept, name));
  try {
    renameSync(join(folder, 'data'), join(kept, 'data'));
  } catch {
    execFileSync('cp', ['-a', join(folder, 'data'), join(kept, 'data')]);
  }
  console.log(`  kept in ${kept}`);
}
