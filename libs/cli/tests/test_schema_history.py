"""What clients were promised is kept, or its break declared."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from libs.cli import checks
from libs.cli.problems import CannotRun
from libs.cli.schema_history import HISTORY, PUBLISHED, breaks, publish
from services.gateway import schema

ROOT = Path(__file__).resolve().parents[3]
TODAY = date(2026, 3, 1)
BEFORE = "type Query { brand(slug: String!): String name: String! }\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for path in (PUBLISHED, HISTORY):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / PUBLISHED).write_text(BEFORE)
    return tmp_path


@pytest.fixture
def check(root: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """The check of a repository whose code makes this schema."""

    def run(current: str) -> None:
        monkeypatch.setattr(checks, "_ROOT", root)
        monkeypatch.setattr(schema, "text", lambda: current)
        checks.check_schema()

    return run


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        "type Query { brand(slug: String!, at: Int): String! name: String! more: Int }",
        'type Query { brand(slug: String!): String @deprecated(reason: "gone soon") name: String! }',
        '"A description." type Query { name: String! brand(slug: String!): String }',
    ],
)
def test_what_only_adds_breaks_nothing(root: Path, after: str) -> None:
    assert breaks(root, after) == []
    assert publish(root, after, "", TODAY) == []
    assert (root / PUBLISHED).read_text() == after
    assert not (root / HISTORY).exists()


@pytest.mark.parametrize(
    ("after", "word"),
    [
        ("type Query { brand(slug: String!): String }", "name"),
        ("type Query { brand(slug: String!): String name: String }", "name"),
        ("type Query { brand(slug: String!, at: Int!): String name: String! }", "at"),
        ("type Query { brand(name: String!): String name: String! }", "slug"),
    ],
)
def test_what_takes_away_breaks(root: Path, after: str, word: str) -> None:
    found = breaks(root, after)
    assert any(word in change for change in found)
    with pytest.raises(CannotRun, match="because"):
        publish(root, after, "  ", TODAY)
    assert (root / PUBLISHED).read_text() == BEFORE
    assert publish(root, after, "Nobody asked for it.", TODAY) == found
    assert breaks(root, after) == []
    assert f"## 2026-03-01: Nobody asked for it.\n\n- {found[0]}\n" in (root / HISTORY).read_text()


@pytest.mark.parametrize(
    "after",
    [
        "type Query { brand(slug: String!, at: Int): String name: String! }",
        "type Query { brand(slug: String!): String name: String! more: Int }",
        f"{BEFORE} type More {{ name: String }}",
        f'"A description." {BEFORE}',
    ],
)
def test_what_is_added_fails_the_checks_until_it_is_published(
    root: Path, check: Callable[[str], None], after: str
) -> None:
    check(BEFORE)
    with pytest.raises(
        checks.CheckFailed, match=r"^the schema is not word for word .* promises: archipel publish-schema$"
    ):
        check(after)
    publish(root, after, "", TODAY)
    check(after)


def test_what_breaks_fails_the_checks_until_it_is_declared(root: Path, check: Callable[[str], None]) -> None:
    after = "type Query { brand(slug: String!): String }"
    with pytest.raises(checks.CheckFailed, match=r"Query\.name was removed\.\n.*--because"):
        check(after)
    publish(root, after, "Nobody asked for it.", TODAY)
    check(after)


def test_a_merge_with_conflicts_is_one_clear_line(root: Path, check: Callable[[str], None]) -> None:
    (root / PUBLISHED).write_text(f"<<<<<<< HEAD\n{BEFORE}=======\n>>>>>>> main\n")
    with pytest.raises(CannotRun, match="check out that of one side"):
        check(BEFORE)
    with pytest.raises(CannotRun, match="check out that of one side"):
        publish(root, BEFORE, "", TODAY)


def test_one_break_is_written_after_the_other(root: Path) -> None:
    publish(root, "type Query { name: String! }", "First.", TODAY)
    publish(root, "type Query { other: String! }", "Second.", TODAY)
    history = (root / HISTORY).read_text()
    assert history.index("First.") < history.index("Second.")
    assert history.startswith((ROOT / HISTORY).read_text().splitlines()[0])
