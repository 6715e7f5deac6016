// `node http_audit.mjs URL`: every audit of graphql-http against a server; prints [{id, name, status, reason}] as JSON.
import { serverAudits } from 'graphql-http';

const results = [];
for (const audit of serverAudits({ url: process.argv[2] })) {
  const { id, name, status, reason = '' } = await audit.fn();
  results.push({ id, name, status, reason });
}
console.log(JSON.stringify(results));
