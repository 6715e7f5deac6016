// Operations to begin with, one a tab; `#brand=<slug>` in the address fills in the brand.
"use strict";

window.archipelExamples = (slug) => {
  const variables = (values) => JSON.stringify(values, null, 2);
  return [
    {
      query: `# What anybody may know of a brand
query Brand($slug: String!) {
  brand(slug: $slug) {
    id
    name
    kind
    locale
    memberCount
    network { name brandCount }
  }
}
`,
      variables: variables({ slug }),
    },
    {
      query: `# Who I am and what I have joined.
# Needs a token.
query Me {
  me {
    identity
    memberships {
      brand { id slug name }
      member { id displayName roles joinedAt }
    }
  }
}
`,
    },
    {
      query: `# The newest posts with their authors.
# For members.
query Posts($slug: String!, $after: String) {
  brand(slug: $slug) {
    spaces { nodes { id slug name postCount } }
    posts(first: 20, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes {
        id
        title
        publishedAt
        replyCount
        author { displayName }
        reactions { emoji count viewerReacted }
        replies(last: 2) {
          nodes { number body author { displayName } }
        }
      }
    }
  }
}
`,
      variables: variables({ slug }),
    },
    {
      query: `# Events to come, and ideas.
# For members.
query EventsAndIdeas($slug: String!, $from: DateTime) {
  brand(slug: $slug) {
    events(startsFrom: $from, first: 5) {
      nodes { id title format startsAt timeZone goingCount viewerRsvp { mode status } }
    }
    boards { nodes { id slug name } }
    ideas(first: 5) { nodes { id title status voteCount viewerVoted author { displayName } } }
  }
}
`,
      variables: variables({ slug, from: new Date().toISOString() }),
    },
    {
      query: `# Join a brand; its id is in the first tab.
mutation Join($input: JoinBrandInput!) {
  joinBrand(input: $input) {
    member { id displayName roles }
    errors { code message path }
    consistencyToken
  }
}
`,
      variables: variables({ input: { brandId: "", displayName: "Ada" } }),
    },
    {
      query: `# Publish a post; ids of spaces: third tab.
# The same commandId is carried out once.
mutation Publish($input: PublishPostInput!) {
  publishPost(input: $input) {
    post { id title author { displayName } space { name postCount } }
    errors { code message path }
    consistencyToken
  }
}
`,
      variables: variables({ input: { spaceId: "", title: "Hello", body: "First words", commandId: "hello-1" } }),
    },
    {
      query: `# New posts and replies, over WebSocket.
# For members.
subscription Activity($slug: String!) {
  brandActivity(brandSlug: $slug) {
    __typename
    ... on Post { id title author { displayName } }
    ... on Reply { id number body author { displayName } post { title } }
  }
}
`,
      variables: variables({ slug }),
    },
  ];
};
