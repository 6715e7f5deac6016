// `node apollo.mjs PORT DATA`: Apollo Server as its documentation starts it, without its landing page.
import { ApolloServer } from '@apollo/server';
import { ApolloServerPluginLandingPageDisabled } from '@apollo/server/plugin/disabled';
import { startStandaloneServer } from '@apollo/server/standalone';
import { port, resolvers, typeDefs } from './schema.mjs';

const server = new ApolloServer({ typeDefs, resolvers, plugins: [ApolloServerPluginLandingPageDisabled()] });
await startStandaloneServer(server, { listen: { port: Number(port), host: '127.0.0.1' } });
