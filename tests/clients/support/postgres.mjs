// A real PostgreSQL of its own for tests, from Debian's package, on a free port. As root it runs as nobody: PostgreSQL refuses root.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from './programs.mjs';

const programs = process.env.POSTGRES_PROGRAMS ?? '/usr/lib/postgresql/15/bin';
const nobody = process.getuid() === 0 ? ['setpriv', '--reuid=nobody', '--regid=nogroup', '--clear-groups'] : [];

export const hasPostgres = existsSync(join(programs, 'initdb'));

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

export async function startPostgres({ walLevel = 'logical' } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-postgres-'));
  chmodSync(folder, 0o777);
  const data = join(folder, 'data');
  const asNobody = (program, args) => [...nobody, join(programs, program), ...args];
  const [initdb, ...initArgs] = asNobody('initdb', ['-D', data, '-U', 'postgres', '-A', 'trust', '-N', '--locale=C.UTF-8', '-E', 'UTF8']);
  execFileSync(initdb, initArgs, { stdio: 'pipe', cwd: folder });
  const port = await freePort();
  let server = null;
  let ended = null;
  const psql = (sql, user = 'postgres') => {
    const done = spawnSync(join(programs, 'psql'), ['-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-h', '127.0.0.1', '-p', port, '-U', user, 'postgres', '-f', '-'], { input: sql, encoding: 'utf8', maxBuffer: 256 << 20 });
    if (done.status !== 0) throw new Error(`psql: ${done.stderr}`);
    return done.stdout.trim();
  };
  const start = async () => {
    const [postgres, ...args] = asNobody('postgres', ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', `unix_socket_directories=${folder}`,
      '-c', `wal_level=${walLevel}`, '-c', 'fsync=off', '-c', 'log_min_messages=fatal']);
    server = spawn(postgres, args, { stdio: 'ignore', cwd: folder });
    ended = new Promise((done) => server.once('exit', done));
    await waitFor(() => { try { return psql('SELECT 1') === '1'; } catch { return false; } }, 20_000, 'PostgreSQL');
  };
  const end = async (signal) => {
    server?.kill(signal);
    await ended;
  };
  await start();
  return {
    port,
    psql,
    kill: () => end('SIGQUIT'),
    start,
    stop: async () => {
      await end('SIGQUIT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
