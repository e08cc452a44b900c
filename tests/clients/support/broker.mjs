// Starts, kills and restarts a broker for tests and examples. Needs Node alone, no packages.
//
//   const broker = await startBroker({ data });   // free ports, waits for the ports file
//   broker.env                                     // addresses as clients expect them in the environment
//   await broker.kill();                           // SIGKILL, waits for the end
//   await broker.restart();                        // same data folder, same ports
//   await broker.stop();                           // SIGTERM; fails when the broker does not end in time
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const top = resolve(import.meta.dirname, '../../..');
const startTimeoutMs = 20_000;
const stopTimeoutMs = 15_000;
const outputBytesMax = 64 * 1024;

// The program under test: $WEIR, else the dev build, else the release build.
export function brokerBinary() {
  const candidates = [process.env.WEIR, join(top, 'build/dev/weir'), join(top, 'build/release/weir')];
  const found = candidates.filter(Boolean).find(existsSync);
  if (!found) throw new Error(`no weir program at ${candidates.filter(Boolean).join(' or ')}; run make build`);
  return resolve(found);
}

export function temporaryFolder(name) {
  const folder = mkdtempSync(join(tmpdir(), `weir-${name}-`));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

export async function startBroker(options) {
  const broker = new Broker(options);
  await broker.start();
  return broker;
}

class Broker {
  // data: folder (created). args: further flags of `weir serve`. env: further environment of the broker. off: names of
  // listeners that it does not have.
  constructor({ data, args = [], env = {}, off = [], binary = brokerBinary() }) {
    Object.assign(this, { data: resolve(data), args, extraEnv: env, off, binary, output: '', addresses: {} });
    this.process = null;
  }

  get pid() { return this.process?.pid; }

  get running() { return this.process !== null; }

  // What a client program needs to find this broker; a missing listener has no variable.
  get env() {
    const { aws, kafka, redis, http } = this.addresses;
    return {
      WEIR: this.binary,
      ...(aws && { AWS_ENDPOINT_URL: `http://${aws}`, AWS_REGION: 'us-east-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' }),
      ...(kafka && { KAFKA_BROKERS: kafka }),
      ...(redis && { REDIS_URL: `redis://${redis}` }),
      ...(http && { WEIR_URL: `http://${http}` }),
    };
  }

  async start() {
    mkdirSync(this.data, { recursive: true });
    const portsFile = `${this.data}.ports.json`;
    rmSync(portsFile, { force: true });
    const ports = ['kafka', 'aws', 'redis', 'http'].flatMap((name) => [`--${name}-port`, this.off.includes(name) ? 'off' : this.addresses[name]?.split(':').at(-1) ?? '0']);
    const child = spawn(this.binary, ['serve', '--data', this.data, ...ports, '--ports-file', portsFile, ...this.args], {
      env: { ...process.env, ...this.extraEnv },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.process = child;
    this.exited = new Promise((done) => {
      child.once('error', (error) => { this.process = null; done(String(error)); });
      child.once('exit', (code, signal) => { this.process = null; done(signal ?? code); });
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (bytes) => { this.output = (this.output + bytes).slice(-outputBytesMax); });
    const deadline = Date.now() + startTimeoutMs;
    while (!existsSync(portsFile)) {
      if (!this.process) throw new Error(`the broker ended (${await this.exited}) before it was ready:\n${this.output}`);
      if (Date.now() > deadline) { await this.kill(); throw new Error(`the broker was not ready in ${startTimeoutMs} ms:\n${this.output}`); }
      await sleep(5);
    }
    this.addresses = JSON.parse(readFileSync(portsFile, 'utf8'));
  }

  async kill() {
    this.process?.kill('SIGKILL');
    return this.exited;
  }

  async restart() {
    if (this.process) await this.kill();
    await this.start();
  }

  async stop() {
    const child = this.process;
    if (!child) return;
    child.kill('SIGTERM');
    const late = sleep(stopTimeoutMs, 'late', { ref: false });
    const ended = await Promise.race([this.exited, late]);
    if (ended === 'late') {
      await this.kill();
      throw new Error(`the broker did not stop within ${stopTimeoutMs} ms of SIGTERM:\n${this.output.slice(-4000)}`);
    }
    if (ended !== 0) throw new Error(`the broker ended with ${ended}:\n${this.output.slice(-4000)}`);
  }
}
