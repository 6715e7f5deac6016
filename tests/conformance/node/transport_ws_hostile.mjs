// What a client that is broken or hostile sends, and the code that the connection is closed with.  Each connection is
// closed while another one subscribes; that one must not notice.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { check, within } from './checks.mjs';

const PROTOCOL = 'graphql-transport-ws';
const subscribe = (payload, id = '1') => JSON.stringify({ type: 'subscribe', id, payload });

/** A WebSocket frame as bytes, masked unless told otherwise: RFC 6455 §5.2. */
function frame(first, payload, { masked = true } = {}) {
  const body = Buffer.from(payload);
  assert.ok(body.length < 126);
  const head = Buffer.from([first, body.length | (masked ? 0x80 : 0)]);
  return Buffer.concat(masked ? [head, Buffer.alloc(4), body] : [head, body]);
}

const MESSAGES = {
  'text that is not JSON': ['{', 4400],
  'a JSON array': ['[]', 4400],
  'a JSON string': ['"x"', 4400],
  'a JSON number': ['1', 4400],
  'JSON null': ['null', 4400],
  'JSON 20,000 levels deep': ['['.repeat(20_000), 4400],
  'a binary message': [Buffer.from('{"type":"ping"}'), 4400],
  'an object without a type': ['{}', 4400],
  'a type that is unknown': ['{"type":"start"}', 4400],
  'a type that is an object': ['{"type":{}}', 4400],
  'a type of the server': ['{"type":"next","id":"1","payload":{}}', 4400],
  'subscribe without an id': ['{"type":"subscribe","payload":{"query":"{ __typename }"}}', 4400],
  'subscribe with an id that is an object': ['{"type":"subscribe","id":{},"payload":{"query":"{ __typename }"}}', 4400],
  'subscribe without a payload': ['{"type":"subscribe","id":"1"}', 4400],
  'subscribe with a payload that is an array': [subscribe([]), 4400],
  'subscribe without a query': [subscribe({}), 4400],
  'a query that is a number': [subscribe({ query: 1 }), 4400],
  'variables that are an array': [subscribe({ query: '{ __typename }', variables: [] }), 4400],
  'a second connection_init': ['{"type":"connection_init"}', 4429],
  'a message of 300 kB': ['x'.repeat(300_000), 1009],
};

const FRAMES = {
  'text that is not UTF-8': [frame(0x81, [0xff, 0xfe]), 1007],
  'a frame without a mask': [frame(0x81, '{}', { masked: false }), 1002],
  'an opcode that is reserved': [frame(0x83, '{}'), 1002],
  'a bit that is reserved': [frame(0xf1, '{}'), 1002],
  'a ping in fragments': [frame(0x09, 'x'), 1002],
  'a continuation of nothing': [frame(0x80, 'x'), 1002],
  'a length of 2^63': [Buffer.from([0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), 1009],
};

function opened(url, protocols = PROTOCOL) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false });
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}

function message(socket) {
  return new Promise((resolve) => { socket.once('message', (data) => resolve(JSON.parse(data))); });
}

function closing(socket) {
  socket.on('error', () => {});
  return new Promise((resolve) => { socket.once('close', resolve); });
}

async function introduced(url, payload = {}) {
  const socket = await opened(url);
  const answer = message(socket);
  socket.send(JSON.stringify({ type: 'connection_init', payload }));
  assert.deepEqual(await answer, { type: 'connection_ack' });
  return socket;
}

/** Runs every check of this file; `query` is a subscription that has events all the time. */
export async function hostile({ url, authorized, query }) {
  const witness = await introduced(url, authorized);
  let heard = 0;
  witness.on('message', (data) => { heard += JSON.parse(data).type === 'next' ? 1 : 0; });
  witness.send(subscribe({ query }, 'witness'));

  const closes = (section, what, code, body) => check(section, `${what} closes with ${code}`, async () => {
    assert.equal(await body(), code);
    const before = heard;
    await within(10, 'an event elsewhere', new Promise((resolve) => {
      const timer = setInterval(() => { if (heard > before) resolve(clearInterval(timer)); }, 5);
    }));
  });

  for (const [what, [sent, code]] of Object.entries(MESSAGES)) {
    await closes('Invalid message', what, code, async () => {
      const socket = await introduced(url);
      const closed = closing(socket);
      socket.send(sent);
      return closed;
    });
  }
  for (const [what, [bytes, code]] of Object.entries(FRAMES)) {
    await closes('RFC 6455', what, code, async () => {
      const socket = await introduced(url);
      const closed = closing(socket);
      socket._socket.write(bytes);
      return closed;
    });
  }
  await closes('Subscribe', 'an operation before connection_init', 4401, async () => {
    const socket = await opened(url);
    const closed = closing(socket);
    socket.send(subscribe({ query: '{ __typename }' }));
    return closed;
  });
  await closes('Subscribe', 'an id that is in use', 4409, async () => {
    const socket = await introduced(url, authorized);
    const closed = closing(socket);
    socket.send(subscribe({ query }));
    socket.send(subscribe({ query }));
    return closed;
  });
  await closes('ConnectionInit', 'a payload of connection_init that is an array', 4400, async () => {
    const socket = await opened(url);
    const closed = closing(socket);
    socket.send('{"type":"connection_init","payload":[]}');
    return closed;
  });
  await closes('ConnectionInit', 'a client that says nothing', 4408, async () => closing(await opened(url)));
  // A server may also refuse the handshake; ours accepts it, so that a browser sees the code.
  await closes('Communication', 'no subprotocol', 4406, async () => closing(await opened(url, [])));
  witness.close();
}
