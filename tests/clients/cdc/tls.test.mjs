// Captures of a database that demands TLS and a password.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Authority } from '../tls/certificates.mjs';
import { startCaptures } from './capture.mjs';

const user = 'guarded';
const right = 'open-sesame-1';
const wrong = 'open-sesame-2';
let authority;
const here = startCaptures('cdc-tls', (folder) => {
  authority = new Authority(folder);
  const sql = `CREATE ROLE ${user} LOGIN SUPERUSER PASSWORD '${right}';
    CREATE TABLE held (id int PRIMARY KEY, version int, note text); INSERT INTO held VALUES (1, 0, 'n')`;
  return { database: { tls: { ...authority.make('database'), user } }, sql, env: { CAPTURE_PASSWORD: right } };
});
const { folder, skip } = here;

const fromEnvironment = { 'database.user': user, 'database.password.env': 'CAPTURE_PASSWORD' };
const fromFile = (password) => {
  const file = join(folder, password === right ? 'right' : 'wrong');
  writeFileSync(file, `${password}\n`, { mode: 0o600 });
  return { 'database.user': user, 'database.password.file': file };
};
const verified = () => ({ 'database.sslmode': 'verify-full', 'database.sslrootcert': authority.file });

test('a capture goes over TLS to a database that it can tell by its certificate, with a password of a file or the environment', { skip }, async () => {
  for (const [name, password] of [['by_file', fromFile(right)], ['by_environment', fromEnvironment]]) {
    await here.captures.add(name, 'public.held', { 'topic.prefix': name, ...password, ...verified() });
    await here.captures.state(name, 'streaming');
    const encrypted = here.postgres.psql(`SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE usename = '${user}'`);
    assert.equal(encrypted, 't');
    const [[, value]] = await here.captures.records(`${name}.public.held`, (all) => all.length > 0);
    assert.equal(JSON.parse(value).after.id, 1);
    await here.captures.api('DELETE', `/${name}`);
  }
});

test('a database of another authority, one without TLS allowed, and a wrong password are problems that say so', { skip }, async () => {
  const other = new Authority(folder, 'other');
  const cases = {
    stranger: [/certificate verify failed/, { ...fromFile(right), 'database.sslmode': 'verify-full', 'database.sslrootcert': other.file }],
    plain: [/pg_hba\.conf rejects connection/, { ...fromFile(right), 'database.sslmode': 'disable' }],
    wrong: [/password authentication failed/, { ...fromFile(wrong), ...verified() }],
    unset: [/NO_SUCH_PASSWORD/, { 'database.user': user, 'database.password.env': 'NO_SUCH_PASSWORD', ...verified() }],
  };
  for (const [name, [pattern, properties]] of Object.entries(cases)) {
    await here.captures.add(name, 'public.held', properties);
    const shown = await here.captures.problem(name, pattern);
    assert.doesNotMatch(JSON.stringify(shown), /open-sesame/);
    await here.captures.api('DELETE', `/${name}?keep_slot=true`);
  }
});
