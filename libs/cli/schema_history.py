"""Keeps the promise to GraphQL clients: what was published stays, unless somebody declares the break and says why."""

from datetime import date
from pathlib import Path
from typing import Final

from graphql import GraphQLSyntaxError, build_schema
from graphql.utilities import find_breaking_changes

from libs.cli.problems import CannotRun

#: The schema that clients were promised, and every break since the first one.
PUBLISHED: Final = Path("services/gateway/schema.graphql")
HISTORY: Final = Path("docs/schema-history.md")

_HEAD: Final = """# Breaks of the GraphQL schema

A field is deprecated with a reason, and stays, before it goes. What went, and why, is written here by
`archipel publish-schema --because "…"`, which alone lets a breaking change pass the checks.
"""


def check(root: Path, current: str) -> list[str]:
    """What stands against `current`, and what helps; nothing when it is the published schema, word for word."""
    if (root / PUBLISHED).read_text(encoding="utf-8") == current:
        return []
    if found := breaks(root, current):
        advice = "deprecate before taking away, or declare it: archipel publish-schema --because …"
        return ["clients of the published schema break:", *found, advice]
    return [f"the schema is not word for word what {PUBLISHED} promises: archipel publish-schema"]


def breaks(root: Path, current: str) -> list[str]:
    """What `current`, a schema in the schema definition language, takes away from what was published.

    Raises `CannotRun` when what was published cannot be read.
    """
    try:
        published = build_schema((root / PUBLISHED).read_text(encoding="utf-8"))
    except GraphQLSyntaxError:  # as after a merge with conflicts
        raise CannotRun(f"{PUBLISHED} is no schema: check out that of one side, then archipel publish-schema") from None
    return sorted(change.description for change in find_breaking_changes(published, build_schema(current)))


def publish(root: Path, current: str, reason: str, today: date) -> list[str]:
    """Promise `current` from now on; breaks are written down with their reason.  Raises `CannotRun` without one."""
    found = breaks(root, current)
    if found and not reason.strip():
        raise CannotRun(f"clients would have to change: say why with --because ({found[0]})")
    if found:
        history = root / HISTORY
        before = history.read_text(encoding="utf-8") if history.is_file() else _HEAD
        entry = "".join(f"- {change}\n" for change in found)
        history.write_text(f"{before}\n## {today.isoformat()}: {reason.strip()}\n\n{entry}", encoding="utf-8")
    (root / PUBLISHED).write_text(current, encoding="utf-8")
    return found
