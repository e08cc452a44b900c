// Runs the client tests of the folders next to this one against one fresh broker and prints the closing line.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { startBroker, temporaryFolder } from './broker.mjs';

const top = resolve(import.meta.dirname, '..');
const listenerOfFolder = { sqs: 'aws', kafka: 'kafka', redis: 'redis' };
const skipStatus = 77;
const testTimeoutMs = 120_000;

function testFiles(words) {
  const folders = readdirSync(top, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !['node_modules', 'support'].includes(entry.name))
    .map(({ name }) => name)
    .filter((name) => !process.env.ONLY || name === process.env.ONLY);
  return folders.flatMap((folder) => readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /(\.test\.mjs|\.sh|_test\.py)$/.test(entry.name) && !entry.parentPath.includes('node_modules'))
    .map((entry) => ({ folder, path: join(entry.parentPath, entry.name) })))
    .filter(({ path }) => words.length === 0 || words.some((word) => relative(top, path).includes(word)))
    .sort((a, b) => a.path.localeCompare(b.path));
}

async function runNodeTests(files, count) {
  if (files.length === 0) return;
  const stream = run({ files, concurrency: 2, timeout: testTimeoutMs });
  const add = (key) => ({ details, skip }) => {
    if (details.type === 'suite') return;
    count[skip !== undefined ? 'skipped' : key] += 1;
  };
  stream.on('test:pass', add('passed'));
  stream.on('test:fail', add('failed'));
  for await (const line of stream.compose(spec)) process.stdout.write(line);
}

function runProgram(path, count) {
  const command = path.endsWith('.py') ? ['python3', path] : ['bash', path];
  const { status, stdout, stderr } = spawnSync(command[0], command.slice(1), { encoding: 'utf8', timeout: testTimeoutMs });
  const key = status === 0 ? 'passed' : status === skipStatus ? 'skipped' : 'failed';
  count[key] += 1;
  console.log(`${key === 'failed' ? 'FAILED' : key} ${relative(top, path)}`);
  if (key !== 'passed') console.log(`${stdout}${stderr}`.trim());
}

const files = testFiles(process.argv.slice(2));
if (files.length === 0) {
  console.error('no client tests match');
  process.exit(2);
}
const count = { passed: 0, failed: 0, skipped: 0 };
const { folder, remove } = temporaryFolder('clients');
const broker = await startBroker({ data: join(folder, 'data') });
try {
  Object.assign(process.env, broker.env, { WEIR_DATA: broker.data });
  const listening = ({ folder: name }) => !listenerOfFolder[name] || broker.addresses[listenerOfFolder[name]];
  for (const { path } of files.filter((file) => !listening(file))) {
    count.skipped += 1;
    console.log(`skipped ${relative(top, path)}: the broker has no such listener`);
  }
  const reachable = files.filter(listening).map(({ path }) => path);
  await runNodeTests(reachable.filter((path) => path.endsWith('.mjs')), count);
  for (const path of reachable.filter((file) => !file.endsWith('.mjs'))) runProgram(path, count);
  if (!broker.running) throw new Error('the broker ended during the tests');
  await broker.stop();
} catch (error) {
  count.failed += 1;
  console.log(`FAILED ${error.message}\nthe broker said:\n${broker.output.slice(-4000)}`);
} finally {
  await broker.kill();
  remove();
}
console.log(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
process.exit(count.failed > 0 ? 1 : 0);
