// `node transport_ws.mjs URL TOKEN BRAND`: the reference client of graphql-transport-ws, and frames that it would never
// send, against a server on which posts are published all the time; prints the outcomes as JSON.
import assert from 'node:assert/strict';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { check, finish } from './checks.mjs';
import { CANNOT_RUN, TYPENAME, all, rejection } from './operations.mjs';
import { hostile } from './transport_ws_hostile.mjs';

const [url, token, brand] = process.argv.slice(2);
const authorized = { Authorization: `Bearer ${token}` };
const ACTIVITY = { query: `subscription { brandActivity(brandSlug: "${brand}") { __typename } }` };

function client(options = {}) {
  return createClient({ url, webSocketImpl: WebSocket, connectionParams: authorized, retryAttempts: 0, ...options });
}

/** Runs `body(client, events)` where `events()` is the next event of a subscription on the same connection. */
async function beside(body, options) {
  const using = client(options);
  const events = using.iterate(ACTIVITY);
  const next = async () => {
    const { value } = await events.next();
    assert.equal(value.data.brandActivity.__typename, 'Post');
  };
  try {
    await next();
    await body(using, next);
  } finally {
    await events.return();
    await using.dispose();
  }
}

await check('Subscribe, Next, Complete', 'a query over the socket has one result and completes', async () => {
  const using = client();
  assert.deepEqual(await all(using, TYPENAME), [{ data: { __typename: 'Query' } }]);
  await using.dispose();
});

await check('Subscribe, Next, Complete', 'a mutation over the socket has one result and completes', async () => {
  const using = client();
  const query = 'mutation { castVote(input: { ideaId: "x" }) { errors { code } } }';
  const results = await all(using, { query });
  assert.deepEqual(results, [{ data: { castVote: { errors: [{ code: 'NOT_FOUND' }] } } }]);
  await using.dispose();
});

await check('Subscribe, Next, Complete', 'variables and the name of the operation are used', async () => {
  const using = client();
  const query = 'query A { a: __typename } query B($name: String!) { __type(name: $name) { name } }';
  const results = await all(using, { query, operationName: 'B', variables: { name: 'Query' } });
  assert.deepEqual(results, [{ data: { __type: { name: 'Query' } } }]);
  await using.dispose();
});

await check('Subscribe, Next', 'a subscription has a result for every event until the client completes it', () =>
  beside(async (_, next) => {
    for (let count = 0; count < 3; count += 1) await next();
  }));

await check('Complete', 'a completed subscription has no more results, and the connection goes on', async () => {
  let late = 0;
  let completed = false;
  const counting = (message) => { late += completed && message.type === 'next' && message.id === 'first' ? 1 : 0; };
  let made = 0;
  const generateID = () => (made++ === 0 ? 'first' : `n${made}`);
  const using = client({ generateID, lazy: false, on: { message: counting } });
  const events = using.iterate(ACTIVITY);
  await events.next();
  await events.return();
  await all(using, TYPENAME); // what was under way has arrived before this
  completed = true;
  const again = using.iterate(ACTIVITY);
  for (let count = 0; count < 3; count += 1) await again.next();
  assert.equal(late, 0);
  await again.return();
  await using.dispose();
});

await check('Subscribe', 'forty operations run at once on one connection, each with its own results', async () => {
  let connections = 0;
  await beside(async (using, next) => {
    const names = Array.from({ length: 40 }, (_, index) => `n${index}`);
    const found = await Promise.all(names.map((name) => all(using, { query: `{ ${name}: __typename }` })));
    assert.deepEqual(found, names.map((name) => [{ data: { [name]: 'Query' } }]));
    await next();
  }, { on: { connected: () => { connections += 1; } } });
  assert.equal(connections, 1);
});

for (const [what, [operation, code]] of Object.entries(CANNOT_RUN)) {
  await check('Error', `${what} ends its operation with ${code} and harms no other`, () =>
    beside(async (using, next) => {
      const errors = await rejection(all(using, operation));
      assert.equal(errors[0].extensions.code, code);
      await next();
      assert.deepEqual(await all(using, TYPENAME), [{ data: { __typename: 'Query' } }]);
    }));
}

await check('ConnectionInit', 'a token that is not valid closes with 4403', async () => {
  const using = client({ connectionParams: { Authorization: 'Bearer e30.e30.e30' } });
  assert.equal((await rejection(all(using, TYPENAME))).code, 4403);
});

await check('ConnectionInit, Next', 'without a token what is public can be read; a field that fails is part of the result', async () => {
  const using = client({ connectionParams: {} });
  const [result] = await all(using, { query: `{ brand(slug: "${brand}") { name } me { identity } }` });
  assert.ok(result.data.brand.name);
  assert.equal(result.errors[0].extensions.code, 'UNAUTHENTICATED');
  await using.dispose();
});

await check('Ping, Pong', 'pings of the client are answered', async () => {
  let pongs = 0;
  const counting = (received) => { pongs += received ? 1 : 0; };
  await beside(async (_, next) => {
    while (pongs < 3) await next();
  }, { keepAlive: 50, on: { pong: counting } });
});

await hostile({ url, authorized, query: ACTIVITY.query });

await check('Close codes', 'after all of this the server still serves', () => beside(async (_, next) => next()));

finish();
