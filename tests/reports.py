"""Documents of the repository that tests make: they are what the last run made of them."""

from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def check_report(path: str, text: str, *, write: bool) -> None:
    """The document, by its path in the repository, is this text; with `write` it becomes that."""
    document = ROOT / path
    if write:
        document.parent.mkdir(parents=True, exist_ok=True)
        document.write_text(text)
    kept = document.read_text() if document.is_file() else None
    assert kept == text, f"{path} differs: run this test with ARGS=--write-reports"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
