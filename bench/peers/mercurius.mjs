// `node mercurius.mjs PORT DATA JIT`: mercurius on fastify; JIT 0 is off, n compiles a query at its nth execution.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { port, resolvers, typeDefs } from './schema.mjs';

const app = Fastify();
app.register(mercurius, { schema: typeDefs, resolvers, jit: Number(process.argv[4]) });
await app.listen({ port: Number(port), host: '127.0.0.1' });
