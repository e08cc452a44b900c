// Runs the commands of README.md again, in order, against a fresh broker of its own, and compares what they print.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, test } from 'node:test';
import { startBroker, temporaryFolder } from '../support/broker.mjs';

const readme = readFileSync(resolve(import.meta.dirname, '../../../README.md'), 'utf8');
const commandTimeoutMs = 30_000;
const { folder, remove } = temporaryFolder('readme');
let broker;

before(async () => { broker = await startBroker({ data: join(folder, 'data') }); });
after(async () => {
  try { await broker?.stop(); } finally { remove(); }
});

// [{ command, expected }] of all console blocks; a line that begins with `$ ` is a command, what follows is its output.
function transcript(text) {
  const steps = [];
  for (const [, block] of text.matchAll(/^```console\n(.*?)^```$/gms)) {
    for (const line of block.split('\n').filter(Boolean)) {
      if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: '' });
      else steps.at(-1).expected += `${line}\n`;
    }
  }
  return steps;
}

// The reader's broker has the default ports, this one has free ones.
function here(command) {
  const { aws, kafka } = broker.addresses;
  return command
    .replaceAll('localhost:9092', kafka)
    .replaceAll('localhost:4566', aws)
    .replace(/^redis-cli /, `redis-cli --no-raw -u ${broker.env.REDIS_URL} `)
    .replace(/^build\/release\/weir /, `'${broker.binary}' `);
}

// Times and identities are other ones in every run.
const masked = (output) => output
  .replace(/\b\d{13}-\d+\b/g, '<stream id>')
  .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<message id>')
  .trimEnd();

const missing = ['redis-cli', 'kcat', 'curl'].filter((program) => spawnSync('which', [program]).status !== 0);

test('Readme.WhatTheFirstScreenShowsIsWhatHappens', { skip: missing.length > 0 && `without ${missing.join(', ')}` }, () => {
  for (const port of ['aws', 'http', 'kafka', 'redis']) assert.ok(broker.addresses[port], `the broker has no ${port} port`);
  const [start, ...steps] = transcript(readme);
  assert.match(start.command, /^make run\b/);
  assert.ok(steps.length >= 4, 'the first screen has lost its commands');
  for (const { command, expected } of steps) {
    const { status, stdout, stderr } = spawnSync('bash', ['-c', `exec 2>&1; ${here(command)}`],
      { encoding: 'utf8', timeout: commandTimeoutMs, env: { ...process.env, ...broker.env } });
    assert.equal(status, 0, `${command}\n${stdout}${stderr}`);
    assert.equal(masked(stdout), masked(expected), command);
  }
});
