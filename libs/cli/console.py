"""How the command line looks: one merged, coloured log of all processes, and what a person reads after the start."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_red", "bright_cyan", "bright_green")


class MergedLog:
    """The supervisor's `Output`: every line under the coloured name of the process that printed it."""

    def __init__(self, names: Sequence[str], console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)
        self._width = max(map(len, names), default=0)
        self._colours: Mapping[str, str] = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}

    def line(self, name: str, text: str) -> None:
        """A line that the process printed; its own colours are kept."""
        self._print(self._prefix(name, "│").append_text(Text.from_ansi(text)))

    def note(self, name: str, text: str) -> None:
        """Something that happened to the process."""
        self._print(self._prefix(name, "●").append(f"{datetime.now():%H:%M:%S} {text}", style="bold"))

    def say(self, text: str = "") -> None:
        """A line of the platform itself; the text is taken literally."""
        self._print(Text(text))

    def heading(self, text: str) -> None:
        """A line that should be seen."""
        self._print(Text(text, style="bold green"))

    def _prefix(self, name: str, mark: str) -> Text:
        return Text(f"{name:<{self._width}} {mark} ", style=self._colours.get(name, "white"), end="")

    def _print(self, text: Text) -> None:
        with contextlib.suppress(OSError):  # a reader that went away must not stop the platform
            self._console.print(text, soft_wrap=True)
