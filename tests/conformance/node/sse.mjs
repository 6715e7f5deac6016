// `node sse.mjs URL TOKEN BRAND`: the reference client of graphql-sse in distinct connections mode, against a server on
// which posts are published all the time; prints the outcomes as JSON.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-sse';
import { check, finish } from './checks.mjs';
import { CANNOT_RUN, TYPENAME, all, rejection } from './operations.mjs';

const [url, token, brand] = process.argv.slice(2);
const authorized = { Authorization: `Bearer ${token}` };
const ACTIVITY = { query: `subscription { brandActivity(brandSlug: "${brand}") { __typename } }` };

const client = (headers = authorized) => createClient({ url, headers, retryAttempts: 0 });

/** A plain request for a stream, as the body's text. */
async function raw(init, parameters = {}) {
  const asked = new URL(url);
  for (const [name, value] of Object.entries(parameters)) asked.searchParams.set(name, value);
  return fetch(asked, { ...init, headers: { accept: 'text/event-stream', ...authorized, ...init.headers } });
}

await check('Next, Complete', 'a query has one result and completes', async () => {
  assert.deepEqual(await all(client(), TYPENAME), [{ data: { __typename: 'Query' } }]);
});

await check('Next, Complete', 'a mutation has one result and completes', async () => {
  const results = await all(client(), { query: 'mutation { castVote(input: { ideaId: "x" }) { errors { code } } }' });
  assert.deepEqual(results, [{ data: { castVote: { errors: [{ code: 'NOT_FOUND' }] } } }]);
});

await check('Next, Complete', 'variables and the name of the operation are used', async () => {
  const query = 'query A { a: __typename } query B($name: String!) { __type(name: $name) { name } }';
  const results = await all(client(), { query, operationName: 'B', variables: { name: 'Query' } });
  assert.deepEqual(results, [{ data: { __type: { name: 'Query' } } }]);
});

await check('Next', 'a subscription has a result for every event until the client goes', async () => {
  const events = client().iterate(ACTIVITY);
  for (let count = 0; count < 3; count += 1) {
    const { value } = await events.next();
    assert.equal(value.data.brandActivity.__typename, 'Post');
  }
  await events.return();
});

await check('Distinct connections', 'twenty operations run at once, each with its own results', async () => {
  const using = client();
  const events = using.iterate(ACTIVITY);
  await events.next();
  const names = Array.from({ length: 20 }, (_, index) => `n${index}`);
  const found = await Promise.all(names.map((name) => all(using, { query: `{ ${name}: __typename }` })));
  assert.deepEqual(found, names.map((name) => [{ data: { [name]: 'Query' } }]));
  assert.equal((await events.next()).done, false);
  await events.return();
});

for (const [what, [operation, code]] of Object.entries(CANNOT_RUN)) {
  await check('Next', `${what} is told as a result with ${code}, and the stream completes`, async () => {
    const [result, ...more] = await all(client(), operation);
    assert.equal(result.errors[0].extensions.code, code);
    assert.deepEqual(more, []);
  });
}

await check('Next', 'without a token a subscription is refused with UNAUTHENTICATED', async () => {
  const [result] = await all(client({}), ACTIVITY);
  assert.equal(result.errors[0].extensions.code, 'UNAUTHENTICATED');
});

await check('Distinct connections', 'a token that is not valid is refused with 401 before a stream begins', async () => {
  const error = await rejection(all(client({ Authorization: 'Bearer e30.e30.e30' }), TYPENAME));
  assert.equal(error.response.status, 401);
});

for (const [method, init, parameters] of [
  ['POST', { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(TYPENAME) }, {}],
  ['GET', {}, TYPENAME],
]) {
  await check('Event stream', `${method} is answered with the events next and complete, and nothing after`, async () => {
    const response = await raw(init, parameters);
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /^text\/event-stream(;|$)/);
    const events = (await response.text()).trimEnd().split('\n\n');
    assert.equal(events.length, 2);
    const [next, data] = events[0].split('\n');
    assert.equal(next, 'event: next');
    assert.deepEqual(JSON.parse(data.replace(/^data: /, '')).data, { __typename: 'Query' });
    assert.match(events[1], /^event: complete\ndata:/);
  });
}

const REFUSED = {
  'a mutation by GET': [{}, { query: 'mutation { __typename }' }, 405],
  'a body that is not JSON': [{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{' }, {}, 400],
  'a request without a query': [{ method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' }, {}, 400],
  'a body of another type': [{ method: 'POST', headers: { 'content-type': 'text/plain' }, body: '{}' }, {}, 415],
  'another method': [{ method: 'PUT', headers: { 'content-type': 'application/json' }, body: '{}' }, {}, 405],
};
for (const [what, [init, parameters, status]] of Object.entries(REFUSED)) {
  await check('Distinct connections', `${what} is refused with ${status} before a stream begins`, async () => {
    const response = await raw(init, parameters);
    assert.equal(response.status, status);
    assert.ok((await response.json()).errors[0].extensions.code);
  });
}

finish();
