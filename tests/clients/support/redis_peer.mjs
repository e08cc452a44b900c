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

function answers(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.write('PING\r\n'));
    socket.once('data', (data) => { socket.destroy(); resolve(String(data).startsWith('+PONG')); });
  });
}

// { url, stop } or null when there is none to be had.
export async function startRedisPeer() {
  if (process.env.REDIS_PEER_URL) return { url: process.env.REDIS_PEER_URL, stop: () => {} };
  if (!existsSync(program)) return null;
  const folder = mkdtempSync(join(tmpdir(), 'redis-peer-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  const server = spawn(program, options, { argv0: 'redis-server', stdio: 'ignore', env: { ...process.env, LC_ALL: 'C' } });
  const stop = () => {
    server.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  for (const end = Date.now() + startMs; Date.now() < end; await new Promise((wake) => { setTimeout(wake, 20); })) {
    if (await answers(port)) return { url: `redis://127.0.0.1:${port}`, stop };
    if (server.exitCode !== null) break;
  }
  stop();
  throw new Error('the real Redis did not start');
}
