// What the suites of both subscription protocols send, and how they wait for what comes back.
import assert from 'node:assert/strict';

export const TYPENAME = { query: '{ __typename }' };

/** Operations that never run, by what is wrong with them, and the code of the error. */
export const CANNOT_RUN = {
  'a syntax error': [{ query: '{' }, 'GRAPHQL_PARSE_FAILED'],
  'an unknown field': [{ query: '{ nope }' }, 'GRAPHQL_VALIDATION_FAILED'],
  'an unknown operation': [{ query: 'query A { __typename }', operationName: 'B' }, 'OPERATION_NOT_FOUND'],
  'a missing variable': [{ query: 'query ($s: String!) { brand(slug: $s) { id } }' }, 'BAD_USER_INPUT'],
  'too much at once': [{ query: `{ ${'__typename '.repeat(2000)} }` }, 'QUERY_TOO_COMPLEX'],
  'a subscription to an unknown brand': [
    { query: 'subscription { brandActivity(brandSlug: "nope") { __typename } }' },
    'NOT_FOUND',
  ],
};

/** Every result of an operation, without extensions; rejects with what the client calls its error. */
export function all(using, operation) {
  return new Promise((resolve, reject) => {
    const results = [];
    using.subscribe(operation, {
      next: ({ extensions: _, ...result }) => results.push(result),
      error: reject,
      complete: () => resolve(results),
    });
  });
}

/** What a promise was rejected with. */
export async function rejection(promise) {
  return promise.then(() => assert.fail('it was not refused'), (error) => error);
}
