// weir advise: what follows from the answers; everything that it prints is done here as it says.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'node:test';
import { brokerBinary } from '../support/broker.mjs';
import { waitFor } from '../support/programs.mjs';
import { json, run, unused, weir } from './weir.mjs';

const deciding = ['done-when-processed', 'several-services', 'replay', 'order-per-key'];
const flagsOf = (yes, asked = deciding) => asked.flatMap((flag) => [`--${flag}`, yes.includes(flag) ? 'yes' : 'no']);
const advise = async (yes, ...more) => (await json(['advise', ...flagsOf(yes), ...more]))[0];
const perform = async (commands) => {
  for (const command of commands) {
    const [program, ...args] = command.split(' ');
    assert.equal(program, 'weir');
    await run(args);
  }
};

// Where the client libraries are.
const cwd = resolve(import.meta.dirname, '..');
const interpreters = { mjs: [process.execPath, '--input-type=module', '-e'], py: ['python3', '-c'], sh: ['bash', '-c'] };

// Runs a program that was printed, in a shell that has done `eval "$(weir env)"`; `said` is what it has written so far.
function start({ file, code }, variables) {
  const [command, ...args] = interpreters[file.split('.').at(-1)];
  const child = spawn(command, [...args, code], { cwd, env: { ...process.env, ...variables }, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const program = { said: '', errors: '', status: undefined };
  child.stdout.on('data', (bytes) => { program.said += bytes; });
  child.stderr.on('data', (bytes) => { program.errors += bytes; });
  program.ended = new Promise((done) => child.once('close', (code_, signal) => done(program.status = signal ?? code_)));
  program.kill = async () => {
    if (program.status === undefined) process.kill(-child.pid, 'SIGKILL');  // a shell's programs, too
    await program.ended;
  };
  return program;
}

const lacks = (command, ...args) => spawnSync(command, args).status !== 0;
const missing = {
  boto3: lacks('python3', '-c', 'import boto3') && 'without boto3',
  kcat: lacks('kcat', '-V') && 'without kcat',
};

test('what every answer creates can be created and looked at', async () => {
  const seen = new Set();
  for (let bits = 0; bits < 2 ** deciding.length; bits += 1) {
    const yes = deciding.filter((_, i) => bits & (1 << i));
    const { choice, commands, looks, see } = await advise(yes, '--name', unused('advised'));
    seen.add(choice);
    for (const path of see) assert.ok(existsSync(resolve(cwd, '../..', path)), path);
    await perform([...commands, ...looks]);
  }
  assert.deepEqual([...seen].sort(), ['queue', 'stream', 'stream-to-queues']);
});

test('a call needs neither, a background job a queue', async () => {
  const [call] = await json(['advise', '--only-a-call', 'yes']);
  assert.deepEqual([call.choice, call.commands, call.programs], ['neither', [], []]);
  const [job] = await json(['advise', '--background-job', 'yes', ...flagsOf([], deciding.slice(1))]);
  assert.equal(job.choice, 'queue');
});

// Each program that there is, once: the first one sends, the second one receives.
const pairs = [
  ...['aws-js', 'boto3', 'kafkajs', 'ioredis', 'kcat'].map((client) => [['done-when-processed'], client]),
  ...['aws-js', 'boto3'].map((client) => [['done-when-processed', 'order-per-key', 'replay'], client]),
  ...['kafkajs', 'ioredis', 'kcat'].map((client) => [['several-services', 'replay'], client]),
  ...['kafkajs', 'ioredis', 'kcat'].map((client) => [['several-services', 'order-per-key'], client]),
  ...['aws-js', 'boto3', 'ioredis'].map((client) => [['done-when-processed', 'several-services', 'order-per-key'], client]),
];

describe('the programs that are printed', { concurrency: 3 }, () => {
  for (const [yes, client] of pairs) {
    test(`${client}: ${yes.join(', ')}`, { skip: missing[client] }, async () => {
      const services = ['billing', 'mail'].map(unused).join();  // a group of another test may still have its members
      const { choice, commands, programs, looks } = await advise(yes, '--client', client, '--name', unused('advised'), '--services', services);
      assert.equal(programs.length, 2);
      assert.ok(programs.some((program) => program.client === client), `${client} is among them`);
      await perform(commands);
      const [variables] = await json(['env']);
      const [sender, receiver] = programs.map((program) => start(program, variables));
      try {
        assert.equal(await sender.ended, 0, sender.errors);
        const [, id] = sender.said.match(/^sent (\S+)$/m);
        await waitFor(() => {
          assert.equal(receiver.status, undefined, receiver.errors);
          return receiver.said.includes(id);
        }, 60_000, () => `${id} at the receiver, which says: ${receiver.said}${receiver.errors}`);
        if (choice !== 'stream') {
          const [queue] = commands.join('\n').match(/(?<=^weir queue create )\S+(?= --lease)/m);
          const left = async () => (await json(['queue', 'describe', queue]))[0];
          await waitFor(async () => { const { ready, leased } = await left(); return ready + leased === 0; }, 20_000, 'the queue is empty');
        }
      } finally {
        await Promise.all([sender.kill(), receiver.kill()]);
      }
      await perform(looks);
    });
  }
});

test('a person reads the same commands and programs', async () => {
  const given = [...flagsOf(['done-when-processed', 'several-services']), '--client', 'boto3', '--services', 'stock,mail'];
  const text = await run(['advise', ...given]);
  const [{ headline, commands, programs, looks, see }] = await json(['advise', ...given]);
  assert.ok(text.startsWith(`${headline}\n\nWhy\n  - `));
  for (const line of [...commands, ...looks, ...see]) assert.ok(text.includes(`  ${line}\n`), line);
  for (const { file, needs, code } of programs) {
    assert.ok(text.includes(`\n${file} (${needs})\n\n`));
    for (const line of code.split('\n').filter(Boolean)) assert.ok(text.includes(`    ${line}\n`), line);
  }
  assert.ok(commands.includes('weir bridge create orders-to-stock --from topic:orders --to queue:orders-stock'));
  assert.ok(text.includes('  eval "$(weir env)"\n'));
});

test('what is not said is asked for', async () => {
  const { status, out, err } = await weir(['advise', '--done-when-processed', 'yes', '--replay', 'no']);
  assert.deepEqual([status, out], [2, '']);
  assert.deepEqual(err.match(/--[a-z-]+(?= yes\|no)/g), ['--several-services', '--order-per-key']);
});

test('what means something to a shell is no name', async () => {
  for (const [option, value] of [['--name', '$(ls)'], ['--name', 'a b'], ['--services', 'mail,mail'], ['--services', 'x-dead'], ['--client', 'perl'], ['--replay', 'maybe']]) {
    const { status, out, err } = await weir(['advise', ...flagsOf([]).filter((_, i, all) => all[i - (i % 2)] !== option), option, value]);
    assert.deepEqual([status, out], [2, ''], value);
    assert.match(err, /See: weir advise --help/);
  }
});

// A terminal of Python's, since Node has none to give.
test('on a terminal it asks until it knows', { skip: lacks('python3', '-c', 'import pty; pty.openpty()') && 'without python3 or a terminal' }, async () => {
  const child = spawn('python3', ['-c', 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)', brokerBinary(), 'advise', '--json'], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (bytes) => { said += bytes; });
  const ended = new Promise((done) => child.once('close', done));
  const answers = ['n', 'perhaps', 'yes', 'N', 'no', 'y'];  // no call; asked twice, a job; one service; no replay; in order
  for (const [i, answer] of answers.entries()) {
    await waitFor(() => said.split('[y/n] ').length > i + 1, 10_000, () => `question ${i + 1}: ${said}`);
    child.stdin.write(`${answer}\n`);
  }
  assert.equal(await ended, 0, said);
  assert.match(said, /Please answer y or n\./);
  const advice = JSON.parse(said.split('\n').findLast((line) => line.startsWith('{')));
  assert.deepEqual([advice.choice, advice.headline], ['queue', 'A FIFO queue']);
});
