// Runs a client program as a process of its own and watches the lines that it prints.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const stopTimeoutMs = 10_000;

export class Program {
  // file: a module to run with this Node. lines: [{ at, text }], newest last.
  constructor(file, { args = [], env = {} } = {}) {
    this.name = file.split('/').slice(-2).join('/');
    this.lines = [];
    this.errors = '';
    this.child = spawn(process.execPath, [file, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout }).on('line', (text) => this.lines.push({ at: Date.now(), text }));
    this.child.stderr.on('data', (bytes) => { this.errors = (this.errors + bytes).slice(-16_384); });
    this.ended = new Promise((done) => this.child.once('close', (code, signal) => { this.status = signal ?? code; done(this.status); }));
  }

  // The captures of every line so far that matches, as arrays.
  matches(pattern) {
    return this.lines.map(({ text }) => text.match(pattern)).filter(Boolean);
  }

  async until(condition, timeoutMs, what) {
    return waitFor(() => {
      if (this.status !== undefined && !condition(this))
        throw new Error(`${this.name} ended (${this.status}) before ${what}\n${this.errors}${this.tail()}`);
      return condition(this);
    }, timeoutMs, () => `${what} (${this.name})\n${this.errors}${this.tail()}`);
  }

  // Waits for a program that ends by itself.
  async done() {
    const status = await this.ended;
    if (status !== 0) throw new Error(`${this.name} ended with ${status}\n${this.errors}${this.tail()}`);
    return this;
  }

  // Asks it to finish, as an operator would.
  async stop() {
    this.child.kill('SIGTERM');
    if (await Promise.race([this.ended, sleep(stopTimeoutMs, 'late', { ref: false })]) === 'late') {
      await this.kill();
      throw new Error(`${this.name} did not end within ${stopTimeoutMs} ms of SIGTERM\n${this.errors}${this.tail()}`);
    }
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  tail() {
    return this.lines.slice(-15).map(({ text }) => `  | ${text}\n`).join('');
  }
}

// Polls until the condition holds; what: text, or a function that makes one.
export async function waitFor(condition, timeoutMs, what) {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'function' ? what() : what}`);
    await sleep(20);
  }
}
