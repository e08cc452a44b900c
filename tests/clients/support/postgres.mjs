// A real PostgreSQL of its own for tests, on a free port: the one that scripts/postgres finds or unpacks. As root it runs as nobody:
// PostgreSQL refuses root.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './programs.mjs';

const found = spawnSync(join(import.meta.dirname, '../../../scripts/postgres'), { encoding: 'utf8' });
const programs = found.stdout.trim();
const nobody = process.getuid() === 0 ? ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'] : [];

export const hasPostgres = found.status === 0;
export const withoutPostgres = hasPostgres ? false : `there is no PostgreSQL: ${found.stderr.trim().split('\n').at(-1)}`;

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

// Takes connections of `user` with TLS and a password only.
function secure(data, { certificate, key, user }) {
  const owner = statSync(data);
  for (const [from, name] of [[certificate, 'server.crt'], [key, 'server.key']]) {
    const to = join(data, name);
    copyFileSync(from, to);
    chmodSync(to, 0o600);
    chownSync(to, owner.uid, owner.gid);
  }
  writeFileSync(join(data, 'pg_hba.conf'), `hostssl all ${user} 127.0.0.1/32 scram-sha-256
host all ${user} 127.0.0.1/32 reject
host all all 127.0.0.1/32 trust
`);
  return ['ssl=on'];
}

// `tls`: { certificate, key, user }, for a user who needs both.
export async function startPostgres({ walLevel = 'logical', tls } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-postgres-'));
  chmodSync(folder, 0o777);
  const data = join(folder, 'data');
  const asNobody = (program, args) => [...nobody, join(programs, program), ...args];
  const [initdb, ...initArgs] = asNobody('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--locale=C.UTF-8', '-E', 'UTF8']);
  execFileSync(initdb, initArgs, { stdio: 'pipe', cwd: folder });
  const secured = tls ? secure(data, tls) : [];
  const port = await freePort();
  let server = null;
  let ended = null;
  const psql = (sql, user = 'postgres') => {
    const done = spawnSync(join(programs, 'psql'), ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', port, '-U', user, 'postgres', '-f', '-'], { input: sql, encoding: 'utf8', maxBuffer: 256 << 20 });
    if (done.status !== 0) throw new Error(`psql: ${done.stderr}`);
    return done.stdout.trim();
  };
  // What psql does with the statements, without waiting for it here; rejected when it fails.
  const run = (sql) => new Promise((done, failed) => {
    const child = spawn(join(programs, 'psql'), ['-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', port, '-U', 'postgres', 'postgres', '-c', sql], { stdio: 'ignore' });
    child.once('exit', (code) => (code === 0 ? done() : failed(new Error(`psql ended with ${code}`))));
  });
  const launch = () => {
    const settings = ['listen_addresses=127.0.0.1', `unix_socket_directories=${folder}`, `wal_level=${walLevel}`, 'fsync=off', 'jit=off', 'log_min_messages=fatal', ...secured];
    const [postgres, ...args] = asNobody('postgres', ['-D', data, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]);
    server = spawn(postgres, args, { stdio: 'ignore', cwd: folder });
    ended = new Promise((done) => server.once('exit', done));
  };
  const answers = () => { try { return psql('SELECT 1') === '1'; } catch { return false; } };
  const start = async () => {
    launch();
    await waitFor(() => {
      // After SIGKILL it refuses to start until the last of its children has gone.
      if (server.exitCode !== null) launch();
      return answers();
    }, 20_000, 'PostgreSQL');
  };
  const end = async (signal) => {
    server?.kill(signal);
    await ended;
  };
  await start();
  return {
    port,
    psql,
    run,
    kill: (signal = 'SIGQUIT') => end(signal),
    start,
    stop: async () => {
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
