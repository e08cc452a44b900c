// Kills the journal probe at random moments, cuts the power, and starts it again on what is left, which it judges itself.
//   fire.mjs --probe FILE --library FILE --cutter FILE [--rounds N] [--seed S] [--canary NAME] [--kill-only]
// With a canary the run passes only when the probe finds something.
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Random } from '../random.mjs';

const { values: options } = parseArgs({
  options: {
    probe: { type: 'string' }, library: { type: 'string' }, cutter: { type: 'string' },
    rounds: { type: 'string', default: '20' }, seed: { type: 'string' }, canary: { type: 'string' }, 'kill-only': { type: 'boolean', default: false },
  },
});
const recoveryMs = 60_000;
const seed = options.seed ? Number(options.seed) : Math.floor(Math.random() * 1_000_000);
const random = new Random(seed);
const folder = realpathSync(mkdtempSync(join(tmpdir(), 'weir-journal-')));
const [data, undo] = [join(folder, 'data'), join(folder, 'undo')];
mkdirSync(data);
mkdirSync(undo);
const env = {
  ...process.env,
  ...(options.canary && { WEIR_CANARY: options.canary }),
  ...(!options['kill-only'] && { LD_PRELOAD: options.library, WEIR_POWERCUT_DATA: data, WEIR_POWERCUT_LOG: undo }),
};

let acknowledged = 0;

// Runs the probe for a while and kills it; answers what it found, or undefined.
async function once(workMs) {
  const child = spawn(options.probe, [data, String(seed), String(acknowledged)], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.once('close', (code, signal) => done(signal ?? code)));
  let found;
  let began;
  const recovered = new Promise((done) => { began = done; });
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('finding: ')) found = line.slice('finding: '.length);
    else if (line.startsWith('recovered ')) began();
    else acknowledged = Number(line);
  });
  await Promise.race([recovered, ended, sleep(recoveryMs, undefined, { ref: false })]);
  await Promise.race([ended, sleep(workMs)]);
  const alive = child.exitCode === null && child.signalCode === null;
  child.kill('SIGKILL');
  const status = await ended;
  return found ?? (alive ? undefined : `the probe ended by itself with ${status}`);
}

let found;
let round = 0;
const cuts = [];
for (; round < Number(options.rounds) && !found; round += 1) {
  found = await once(random.oneIn(3) ? random.below(50) : random.below(600));
  if (!found && !options['kill-only'])
    cuts.push(execFileSync(options.cutter, ['--data', data, '--log', undo, '--seed', String(random.below(2 ** 40))], { encoding: 'utf8' }).trim());
}
found ??= await once(50);
const kept = `${folder}-kept`;
if (found && !options.canary) renameSync(folder, kept);
else rmSync(folder, { recursive: true, force: true });
console.log(`${round} ${options['kill-only'] ? 'kills' : 'power cuts'}, ${acknowledged} commits acknowledged, seed ${seed}${found ? `: ${found}` : ''}`);
if (found) for (const cut of cuts.slice(-3)) console.log(`  ${cut}`);
if (found && !options.canary) console.log(`  the folder as the probe found it is ${kept}`);
if (options.canary && !found) console.log(`the canary ${options.canary} was not found`);
process.exit(Boolean(found) === Boolean(options.canary) ? 0 : 1);
