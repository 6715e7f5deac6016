"""Joins a brand, writes a post and reads the home page with it; prints what was read as JSON.

`ARCHIPEL_TOKEN=… python home.py URL BRAND [--trusted]`; `python home.py --manifest` prints the trusted documents.
"""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime

from archipel_client import Client, Failure, manifest
from operations import FIND, HOME, JOIN, PUBLISH, HomeBrand


async def read_home(client: Client, slug: str) -> HomeBrand:
    """The home page of a brand; raises `Failure` where there is none."""
    brand = (await client.run(HOME, brand=slug, now=datetime.now(UTC).isoformat())).brand
    if brand is None:
        raise Failure("NOT_FOUND", slug)
    return brand


async def main(url: str, slug: str, token: str, *, trusted: bool) -> None:
    """Join, write, read."""
    async with Client(url, token, trusted=trusted) as client:
        brand = (await client.run(FIND, brand=slug)).brand
        if brand is None:
            raise Failure("NOT_FOUND", slug)
        # The same commandId again changes nothing, so that a client may repeat what it is not sure of.
        join = {"brandId": brand.id, "displayName": "Pia", "commandId": "python-join"}
        client.accepted((await client.run(JOIN, input=join)).join_brand)

        spaces = (await read_home(client, slug)).spaces
        if spaces is None or not spaces.nodes:
            raise Failure("NOT_FOUND", "a space")
        post = {"spaceId": spaces.nodes[0].id, "title": "Hi", "body": "From Python.", "commandId": "python-post"}
        client.accepted((await client.run(PUBLISH, input=post)).publish_post)

        home = await read_home(client, slug)
    shown = {
        "name": home.name,
        "memberCount": home.member_count,
        "viewer": home.viewer and home.viewer.display_name,
        "posts": [
            f"{one.title} by {one.author.display_name if one.author else 'the platform'}"
            for one in (home.posts.nodes if home.posts else [])
        ],
        "events": [one.title for one in (home.events.nodes if home.events else [])],
        "ideas": [one.title for one in (home.ideas.nodes if home.ideas else [])],
    }
    sys.stdout.write(json.dumps(shown, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--manifest"]:
            sys.stdout.write(manifest(FIND, HOME, JOIN, PUBLISH))
        case [url, brand, *flags] if set(flags) <= {"--trusted"}:
            asyncio.run(main(url, brand, os.environ["ARCHIPEL_TOKEN"], trusted=bool(flags)))
        case _:
            sys.exit("usage: ARCHIPEL_TOKEN=… python home.py URL BRAND [--trusted]")
