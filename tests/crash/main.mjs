// The command line of tests/crash/run: plans rounds, prints what each found, ends with a line of counts.
import { parseArgs } from 'node:util';
import { captureRound } from './captures/round.mjs';
import { round } from './round.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string' },
    seed: { type: 'string' },
    protocols: { type: 'string', default: 'sqs,kafka,compacted,redis,bridges' },
    'kills-per-round': { type: 'string', default: '5' },
    'power-cut': { type: 'boolean', default: false },
    canary: { type: 'string' },
    short: { type: 'boolean', default: false },
  },
});
const firstSeed = options.seed ? Number(options.seed) : Math.floor(Math.random() * 1_000_000);
const perRound = Number(options['kills-per-round']);
const count = { passed: 0, failed: 0, skipped: 0 };
const totals = { kills: 0, cuts: 0 };

// What a plan entry asks for: a number of kills or cuts, or that a canary is found within that number.
const captures = ['captures'];
const long = [{ kills: 60 }, { kills: 200, powerCut: true }, { kills: 100, protocols: captures }, { kills: 40, powerCut: true, protocols: captures }, { canary: 'ack-before-write', kills: 60 }, { canary: 'ack-before-flush', kills: 60, powerCut: true }, { canary: 'install-unsynced-checkpoint', kills: 60, powerCut: true }];
const short = [{ kills: 5 }, { kills: 5, powerCut: true }, { kills: 4, protocols: captures }, { canary: 'ack-before-write', kills: 30 }, { canary: 'ack-before-flush', kills: 30, powerCut: true }];
const one = [{ kills: Number(options.kills ?? 5), powerCut: options['power-cut'], canary: options.canary }];
const plan = options.kills || options.canary ? one : options.short ? short : long;

const repeat = ({ seed, powerCut, canary, kills, protocols }) => `tests/crash/run --kills ${kills} --kills-per-round ${kills} --seed ${seed}${powerCut ? ' --power-cut' : ''}${canary ? ` --canary ${canary}` : ''} --protocols ${protocols.join(',')}`;

async function runEntry({ kills, powerCut = false, canary, protocols = options.protocols.split(',') }, seed) {
  const play = protocols.includes('captures') ? captureRound : round;
  const word = powerCut ? 'power cuts' : 'kills';
  let found = false;
  for (let left = kills; left > 0 && !found; left -= perRound, seed += 1) {
    const asked = { seed, kills: Math.min(left, perRound), protocols, powerCut, canary };
    const began = Date.now();
    const result = await play(asked).catch((error) => ({ findings: [String(error.stack ?? error)], done: 0, said: '', cuts: [] }));
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    if (result.skipped) {
      count.skipped += 1;
      console.log(`skipped  ${result.skipped}`);
      return seed;
    }
    totals[powerCut ? 'cuts' : 'kills'] += result.done;
    if (canary) {
      found = result.findings.length > 0;
      if (found) console.log(`passed   canary ${canary} found by seed ${seed} (${seconds} s): ${result.findings[0].split('\n')[0]}`);
      continue;
    }
    count[result.findings.length > 0 ? 'failed' : 'passed'] += 1;
    console.log(`${result.findings.length > 0 ? 'FAILED ' : 'passed '}  seed ${seed}, ${result.done} ${word} (${seconds} s) ${result.said}`);
    for (const cut of result.findings.length > 0 ? result.cuts : []) console.log(`  cut: ${cut}`);
    for (const finding of result.findings) console.log(`  ${finding}`);
    if (result.findings.length > 0) console.log(`  repeat: ${repeat(asked)}`);
  }
  if (canary) {
    count[found ? 'passed' : 'failed'] += 1;
    if (!found) console.log(`FAILED   canary ${canary} was not found in ${kills} ${word}; from ${repeat({ seed: firstSeed, powerCut, canary, kills, protocols })}`);
  }
  return seed;
}

let seed = firstSeed;
for (const entry of plan) seed = await runEntry(entry, seed);
console.log(`${totals.kills} kills, ${totals.cuts} power cuts, from seed ${firstSeed}`);
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 ? 1 : 0);
