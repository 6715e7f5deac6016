// `node yoga.mjs PORT DATA`: GraphQL Yoga on Node's HTTP server; it keeps parsed and validated documents by default.
import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { port, resolvers, typeDefs } from './schema.mjs';

const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, graphiql: false });
createServer(yoga).listen(Number(port), '127.0.0.1');
