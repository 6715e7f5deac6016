"""From a mutation to a query that shows it: publish a reply, then read the thread with the token of the write."""

import time

import httpx

from bench.harness import Line, below, percentile
from bench.live import BRAND, READER, platform

_POST = 'query { brand(slug: "' + BRAND + '") { posts(first: 1) { nodes { id } } } }'
_REPLY = (
    "mutation ($input: PublishReplyInput!) { publishReply(input: $input) { consistencyToken errors { code message } } }"
)
_READ = "query ($id: ID!) { node(id: $id) { ... on Post { replyCount } } }"
_REPEATS = 200


async def run() -> list[Line]:
    """Two rows: p50 and p99 of mutation and query together, one after the other."""
    took: list[float] = []
    async with (
        platform() as running,
        httpx.AsyncClient(headers={"Authorization": f"Bearer {running.token(READER)}"}, timeout=30) as client,
    ):
        url = f"{running.url}/graphql"
        found = await client.post(url, json={"query": _POST})
        post = found.json()["data"]["brand"]["posts"]["nodes"][0]["id"]
        for number in range(1, _REPEATS + 1):
            given = {"input": {"postId": post, "body": f"Reply {number}"}}
            began = time.perf_counter()
            written = await client.post(url, json={"query": _REPLY, "variables": given})
            payload = written.json()["data"]["publishReply"]
            token = {"Archipel-Consistency-Token": payload["consistencyToken"]}
            read = await client.post(url, json={"query": _READ, "variables": {"id": post}}, headers=token)
            took.append((time.perf_counter() - began) * 1000)
            if read.json()["data"]["node"]["replyCount"] != number:
                raise RuntimeError(f"reply {number} is not visible: {read.text}")
    return [
        Line(what="mutation → visible with its token, p50", measured=percentile(took, 0.5), unit="ms"),
        below("mutation → visible with its token, p99", percentile(took, 0.99), "ms", 100),
    ]
