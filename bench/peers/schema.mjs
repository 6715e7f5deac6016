// The page that every server here answers: 20 posts with their authors, from memory.
import { readFileSync } from 'node:fs';

export const [port, data] = process.argv.slice(2);
const { posts, authors } = JSON.parse(readFileSync(data, 'utf8'));

export const typeDefs = /* GraphQL */ `
  type Query { posts(first: Int! = 20): Page! }
  type Page { nodes: [Post!]! pageInfo: PageInfo! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type Post { id: ID! title: String! body: String! publishedAt: String! replyCount: Int! author: Author! }
  type Author { id: ID! displayName: String! }
`;

// Plain functions: a loader would only cost where everything is in memory.
export const resolvers = {
  Query: {
    posts: (_, { first }) => {
      const nodes = posts.slice(0, first);
      return { nodes, pageInfo: { hasNextPage: first < posts.length, endCursor: nodes.at(-1)?.id ?? null } };
    },
  },
  Post: { author: (post) => authors[post.authorId] },
};
