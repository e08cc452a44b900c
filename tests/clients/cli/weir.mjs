// Runs the program under test as a user would; the broker is found by WEIR_URL.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import assert from 'node:assert/strict';
import { brokerBinary } from '../support/broker.mjs';

export const unused = (what) => `${what}-${randomUUID().slice(0, 8)}`;

// { status, out, err }: out as bytes when `binary`.
export function weir(args, { input, env = {}, binary = false } = {}) {
  const child = spawn(brokerBinary(), args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
  const out = [];
  const err = [];
  child.stdout.on('data', (bytes) => out.push(bytes));
  child.stderr.on('data', (bytes) => err.push(bytes));
  child.stdin.on('error', () => {});  // it may end without reading; what it says is judged by its caller
  child.stdin.end(input);
  const ended = new Promise((done, failed) => {
    child.once('error', failed);
    child.once('close', (status) => {
      const bytes = Buffer.concat(out);
      done({ status, out: binary ? bytes : String(bytes), err: String(Buffer.concat(err)) });
    });
  });
  ended.child = child;
  return ended;
}

// What it printed; it must have succeeded.
export async function run(args, options) {
  const { status, out, err } = await weir(args, options);
  assert.equal(status, 0, `weir ${args.join(' ')}: ${err}`);
  return out;
}

// One JSON value a line.
export async function json(args, options) {
  const out = await run([...args, '--json'], options);
  return out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
}

export const lines = (text) => text.split('\n').filter(Boolean);
