"""What an import tells people: how far it is, which lines were refused and why, and what it did in the end."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

#: The rows of the summary, in order; `line` are lines of which not even the kind could be read.
THINGS = ("invitation", "member", "space", "post", "reply", "event", "board", "idea", "vote", "status", "line")


class Outcome(StrEnum):
    """What became of one thing."""

    CREATED = "created"
    ALREADY_THERE = "already there"
    REFUSED = "refused"


class _Rate(ProgressColumn):
    """Lines so far and lines a second."""

    def render(self, task: Task) -> Text:
        lines: int = task.fields["lines"]
        return Text(f"{lines:,} lines  {lines / max(task.elapsed or 0, 1e-9):,.0f}/s")


class Report:
    """Counts outcomes and prints; summary on `out`, refused lines and progress on `errors`."""

    def __init__(self, out: Console, errors: Console) -> None:
        self._out = out
        self._errors = errors
        self._counts: Counter[tuple[str, Outcome]] = Counter()
        self._lines = 0
        self._began = time.monotonic()
        self._decided_after = 0.0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            _Rate(),
            TimeRemainingColumn(),
            console=errors,
            disable=not errors.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("importing", total=None, lines=0)

    @contextmanager
    def showing(self, total_bytes: int) -> Iterator[None]:
        """Shows the progress while the block runs; `total_bytes` is the size of all files as they lie on the disk."""
        self._began = time.monotonic()
        self._progress.update(self._task, total=total_bytes)
        with self._progress:
            yield

    def read(self, total_bytes_read: int) -> None:
        """One more line was read."""
        self._lines += 1
        self._progress.update(self._task, completed=total_bytes_read, lines=self._lines)

    def count(self, thing: str, outcome: Outcome) -> None:
        """One more `thing` with this outcome."""
        self._counts[thing, outcome] += 1

    def refuse(self, place: str, thing: str, reason: str) -> None:
        """A thing was refused; `place` is file:line."""
        self.count(thing, Outcome.REFUSED)
        self._progress.console.print(f"[red]{escape(place)}[/red]: {escape(reason)}", soft_wrap=True, highlight=False)

    def decided(self) -> None:
        """Every line is in the log or refused; now the views have to show it."""
        self._decided_after = time.monotonic() - self._began
        self._progress.update(self._task, description="waiting for the views")

    def of(self, thing: str, outcome: Outcome) -> int:
        """How many there were."""
        return self._counts[thing, outcome]

    @property
    def refused(self) -> int:
        """How many things were refused in all."""
        return sum(count for (_, outcome), count in self._counts.items() if outcome is Outcome.REFUSED)

    def summary(self, brand: str, *, title: str = "Import into") -> None:
        """Prints the table of outcomes by kind of thing, and how long it took."""
        table = Table(title=f"{title} {brand}", title_justify="left")
        table.add_column("")
        for outcome in Outcome:
            table.add_column(outcome.value, justify="right")
        for thing in THINGS:
            counts = [self.of(thing, outcome) for outcome in Outcome]
            if any(counts):
                table.add_row(thing, *(f"{count:,}" for count in counts))
        self._out.print(table)
        rate = self._lines / max(self._decided_after, 1e-9)
        shown_after = time.monotonic() - self._began
        self._out.print(
            f"{self._lines:,} lines in {self._decided_after:.1f} s ({rate:,.0f} lines/s), "
            f"in every view after {shown_after:.1f} s",
            highlight=False,
        )
