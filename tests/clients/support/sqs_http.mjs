// SQS in its plain HTTP form, for tests that need no more than a few actions of it.
import assert from 'node:assert/strict';

export async function sqs(action, input, endpoint = process.env.AWS_ENDPOINT_URL) {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { 'X-Amz-Target': `AmazonSQS.${action}`, 'Content-Type': 'application/x-amz-json-1.0' },
    body: JSON.stringify(input),
  });
  const text = await response.text();
  assert.equal(response.status, 200, `${action}: ${text}`);
  return text ? JSON.parse(text) : {};
}
