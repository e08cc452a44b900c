// Help, exit codes and messages.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { json, run, weir } from './weir.mjs';

const commands = [
  'serve', 'advise', 'topic', 'topic ls', 'topic create', 'topic set', 'topic describe', 'topic rm',
  'queue', 'queue ls', 'queue create', 'queue set', 'queue describe', 'queue purge', 'queue rm',
  'group', 'group ls', 'group describe', 'produce', 'tail',
  'event', 'event append', 'event read', 'event all', 'event snapshot', 'event state',
  'bridge', 'bridge create', 'bridge describe', 'bridge ls', 'bridge pause', 'bridge resume', 'bridge rm', 'bridge seek', 'doctor', 'env',
  'cdc', 'cdc add', 'cdc ls', 'cdc status', 'cdc pause', 'cdc resume', 'cdc rm',
];

test('every command has help with examples', async () => {
  for (const command of commands) {
    const { status, out, err } = await weir([...command.split(' '), '--help']);
    assert.equal(status, 0, command);
    assert.match(out, new RegExp(`Examples:\n[^]*weir ${command}[^]*Usage: weir ${command} `), command);
    assert.equal(err, '', command);
  }
});

test('what is not understood ends with 2 and a suggestion', async () => {
  const cases = [
    [['topc', 'ls'], /unknown command topc; did you mean topic\?/],
    [['queue', 'crate', 'x'], /unknown command crate; did you mean create\?/],
    [['queue', 'set', 'x', '--histroy', '1h'], /unknown option --histroy; did you mean --history\?/],
    [['queue', 'set', 'x', '--lease', '5'], /write it like 500ms, 30s/],
    [['topic', 'create'], /NAME is required/],
    [['tail', 'x', '--from', 'middle'], /not start, end or an offset/],
    [['tail', 'x', '--format', '%z'], /%z is unknown/],
    [['produce', 'x', 'y', '--header', 'novalue'], /not of the form NAME=VALUE/],
  ];
  for (const [args, message] of cases) {
    const { status, out, err } = await weir(args);
    assert.equal(status, 2, args.join(' '));
    assert.equal(out, '', args.join(' '));
    assert.match(err, message);
  }
});

test('without a broker it says where it looked and what to do', async () => {
  const { status, err } = await weir(['queue', 'ls'], { env: { WEIR_URL: 'http://127.0.0.1:1' } });
  assert.equal(status, 1);
  assert.match(err, /^weir: no broker at http:\/\/127\.0\.0\.1:1; start one with weir serve, or name it with --url or WEIR_URL/);
});

test('--url goes before the environment', async () => {
  await run(['queue', 'ls', '--url', process.env.WEIR_URL], { env: { WEIR_URL: 'http://127.0.0.1:1' } });
});

test('env prints what clients of this broker need', async () => {
  const out = await run(['env']);
  assert.ok(out.includes(`export WEIR_URL='${process.env.WEIR_URL}'\n`));
  const [variables] = await json(['env']);
  for (const name of ['AWS_ENDPOINT_URL', 'KAFKA_BROKERS', 'REDIS_URL']) {
    if (process.env[name]) assert.equal(variables[name], process.env[name]);
  }
});
