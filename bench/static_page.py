"""A page of 20 posts with their authors, all in memory: a Strawberry schema, and the query that asks for the page."""

from typing import Final

import strawberry

from libs.executor.with_strawberry import batch

PAGE: Final = """query Page { posts(first: 20) {
  nodes { id title body publishedAt replyCount author { id displayName } }
  pageInfo { hasNextPage endCursor } } }"""

_BODY: Final = "The lamp on the pier was dark last night, and nobody on the boats complained. " * 6


@strawberry.type
class Author:
    id: strawberry.ID
    display_name: str


@strawberry.type
class Post:
    id: strawberry.ID
    title: str
    body: str
    published_at: str
    reply_count: int
    author_id: strawberry.Private[str]

    @batch
    @staticmethod
    async def author(posts: list["Post"]) -> list[Author]:
        return [AUTHORS[post.author_id] for post in posts]


@strawberry.type
class PageInfo:
    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class Page:
    nodes: list[Post]
    page_info: PageInfo


AUTHORS: Final = {
    f"m{number}": Author(id=strawberry.ID(f"m{number}"), display_name=f"Member {number}") for number in range(20)
}
POSTS: Final = [
    Post(
        id=strawberry.ID(f"p{number}"),
        title=f"Lamp {number}",
        body=_BODY,
        published_at=f"2026-02-01T{number % 24:02}:00:00+00:00",
        reply_count=number,
        author_id=f"m{number % 20}",
    )
    for number in range(100)
]


@strawberry.type
class Query:
    @strawberry.field
    async def posts(self, first: int = 20) -> Page:
        page = POSTS[:first]
        info = PageInfo(has_next_page=first < len(POSTS), end_cursor=page[-1].id if page else None)
        return Page(nodes=page, page_info=info)


SCHEMA: Final = strawberry.Schema(Query)
