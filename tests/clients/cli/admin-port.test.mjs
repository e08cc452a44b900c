// Bad input on the admin port: an error in its own form or a closed connection, and the broker goes on.
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { unused } from './weir.mjs';

const url = process.env.WEIR_URL;

async function ask(method, path, body, headers = {}) {
  const response = await fetch(`${url}${path}`, { method, body, headers });
  return { status: response.status, json: await response.json() };
}

// What the port answers to these bytes until it closes.
function send(bytes) {
  return new Promise((done) => {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    let text = '';
    socket.on('data', (more) => { text += more; });
    socket.on('error', () => {});
    socket.on('close', () => done(text));
    socket.end(bytes);
  });
}

test('every mistake has its status and says what is wrong', async () => {
  const topic = unused('topic');
  assert.equal((await ask('POST', '/api/v1/topics', JSON.stringify({ name: topic }))).status, 201);
  const cases = [
    ['GET', '/api/v1/nothing', undefined, 404, 'not_found'],
    ['PUT', '/api/v1/topics', '{}', 405, 'method_not_allowed'],
    ['POST', '/api/v1/topics', '{"name":', 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', '[]', 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', '['.repeat(100_000), 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', '{"name":7}', 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', '{"name":""}', 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', '{"name":"x","partitions":99999999999999999999}', 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', '{"name":"x","retention_ms":-5}', 400, 'invalid_argument'],
    ['POST', '/api/v1/topics', JSON.stringify({ name: 'n'.repeat(600) }), 413, 'too_large'],
    ['POST', '/api/v1/topics', JSON.stringify({ name: topic }), 409, 'already_exists'],
    ['POST', '/api/v1/queues', JSON.stringify({ name: topic }), 409, 'wrong_kind'],
    ['POST', `/api/v1/topics/${topic}/records`, '{"records":[]}', 400, 'invalid_argument'],
    ['POST', `/api/v1/topics/${topic}/records`, '{"value_base64":"!"}', 400, 'invalid_argument'],
    ['POST', `/api/v1/topics/${topic}/records`, JSON.stringify({ value: 'x'.repeat(2_000_000) }), 413, 'too_large'],
    ['GET', `/api/v1/topics/${topic}/records?offset=5`, undefined, 400, 'offset_out_of_range'],
    ['GET', `/api/v1/topics/${topic}/records?positions=0`, undefined, 400, 'invalid_argument'],
    ['GET', `/api/v1/topics/${topic}/records?limit=1e9`, undefined, 400, 'invalid_argument'],
    ['DELETE', '/api/v1/topics/%00%ff', undefined, 404, 'not_found'],
  ];
  for (const [method, path, body, status, code] of cases) {
    const what = `${method} ${path} ${(body ?? '').slice(0, 60)}`;
    const answer = await ask(method, path, body);
    assert.equal(answer.status, status, what);
    assert.equal(answer.json.error.code, code, what);
    assert.ok(answer.json.error.message.length > 0, what);
  }
});

test('what is no HTTP is refused and harms nobody', async () => {
  for (const bytes of ['\0\x01\xff'.repeat(50), '*1\r\n$4\r\nPING\r\n', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\n\r\n`]) {
    assert.doesNotMatch(await send(Buffer.from(bytes, 'latin1')), /^HTTP\/1\.[01] 2/);
  }
  assert.equal((await fetch(`${url}/livez`)).status, 200);
});

test('a body beyond the limit is refused', async () => {
  const text = await send(`POST /api/v1/topics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000000\r\n\r\n{`);
  assert.match(text, /^HTTP\/1\.1 413 /);
});

test('a page of another site cannot change anything', async () => {
  const name = unused('evil');
  const answer = await ask('POST', '/api/v1/topics', JSON.stringify({ name }), { Origin: 'http://evil.example' });
  assert.equal(answer.status, 403);
  assert.equal((await ask('GET', `/api/v1/topics/${name}`)).status, 404);
});

test('metrics have totals always and details on demand', async () => {
  const name = unused('queue');
  await ask('POST', '/api/v1/queues', JSON.stringify({ name }));
  const totals = await (await fetch(`${url}/metrics`)).text();
  assert.match(totals, /^weir_queues [1-9]/m);
  assert.match(totals, /^weir_messages_ready \d+$/m);
  assert.ok(!totals.includes(name));
  const details = await (await fetch(`${url}/metrics?detail=1`)).text();
  assert.ok(details.includes(`weir_queue_ready{namespace="",queue="${name}"} 0\n`));
});
