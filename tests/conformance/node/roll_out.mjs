// `node roll_out.mjs PROTOCOL TOKEN BRAND URL URL`: subscribes at the first address, on which the gateway ends, and returns
// when it has heard something at the second.
import { createClient as overSse } from 'graphql-sse';
import { createClient as overWebSocket } from 'graphql-ws';
import WebSocket from 'ws';

const [protocol, token, brand, ...urls] = process.argv.slice(2);
const authorized = { Authorization: `Bearer ${token}` };
const query = `subscription { brandActivity(brandSlug: "${brand}") { __typename } }`;
let connections = 0;
const url = () => urls[connections++];

const client =
  protocol === 'sse'
    ? overSse({ url, headers: authorized })
    : overWebSocket({ url, webSocketImpl: WebSocket, connectionParams: authorized });
for await (const { data } of client.iterate({ query })) {
  if (connections === 2 && data.brandActivity.__typename === 'Post') process.exit(0);
}
process.exit(1);
