// A real Redis beside the broker, to compare replies with: the server at REDIS_PEER_URL, else one that is started here from
// Debian's redis-tools, whose redis-check-rdb is the server's program under another name.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = '/usr/bin/redis-check-rdb';
const startMs = 10_000;

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// Resolves when the server has said that it takes connections; rejects when it ends, or is silent for too long.
function ready(server) {
  return new Promise((resolve, reject) => {
    let said = '';
    const late = setTimeout(() => reject(new Error(`the real Redis did not start in time:\n${said}`)), startMs);
    server.once('exit', (status) => reject(new Error(`the real Redis ended with ${status}:\n${said}`)));
    server.once('error', reject);
    server.stdout.on('data', (data) => {
      said += data;
      if (!said.includes('Ready to accept connections')) return;
      clearTimeout(late);
      resolve();
    });
  });
}

// { url, stop } or null when there is none to be had.
export async function startRedisPeer() {
  if (process.env.REDIS_PEER_URL) return { url: process.env.REDIS_PEER_URL, stop: () => {} };
  if (!existsSync(program)) return null;
  const folder = mkdtempSync(join(tmpdir(), 'redis-peer-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const environment = { ...process.env, LC_ALL: 'C' };
  const server = spawn(program, options, { argv0: 'redis-server', stdio: ['ignore', 'pipe', 'ignore'], env: environment });
  const stop = () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  // Also when the tests are ended before their end.
  process.once('exit', stop);
  for (const [signal, number] of [['SIGTERM', 15], ['SIGINT', 2]]) process.once(signal, () => process.exit(128 + number));
  try {
    await ready(server);
  } catch (error) {
    stop();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, stop };
}
