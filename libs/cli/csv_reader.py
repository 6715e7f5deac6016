"""Reading CSV files of any origin in bounded memory, whatever their encoding and delimiter: one record at a time.

RFC 4180 is what everybody means; spreadsheets and address books write it in many ways.
"""

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from charset_normalizer import from_bytes
from msgspec import Struct

#: What a file may ask of memory: a line, a record that goes over several lines, and a cell.
MAX_LINE: Final = 100_000
MAX_RECORD_LINES: Final = 100
MAX_CELL: Final = 10_000
#: Columns that a record can have.
MAX_COLUMNS: Final = 500

_DELIMITERS: Final = (",", ";", "\t", "|")
_CHUNK_BYTES: Final = 1 << 18
_SAMPLE_BYTES: Final = 1 << 16
_BYTE_ORDER_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: What spreadsheets write when they do not write UTF-8: in the West, and elsewhere.
_FALLBACK: Final = "cp1252"
#: Makes a character of each byte.
_BYTES: Final = "latin-1"
_EIGHT_BITS: Final = (_FALLBACK, "cp1250", "cp1251", "cp1253", "cp1254", "iso8859_15", "mac_roman")


class Record(Struct, frozen=True):
    """One record: `number` is that of its first line, from 1; `fault` says why there are no `cells`."""

    number: int
    cells: list[str] = []
    fault: str | None = None
    size: int = 0
    read_bytes: int = 0


class _Line(NamedTuple):
    number: int
    text: str
    fault: str | None
    read_bytes: int


def encoding_of(path: Path) -> str:
    """The encoding of a file: by its byte order mark, else UTF-8 if all of it is, else the likeliest of other lines."""
    with path.open("rb") as file:
        start = file.read(_SAMPLE_BYTES)
        for mark, encoding in _BYTE_ORDER_MARKS:
            if start.startswith(mark):
                return encoding
        if b"\x00" in start:  # text has none, unless each character has two bytes
            return "utf-16-le" if start[1::2].count(0) >= start[::2].count(0) else "utf-16-be"
        odd = _first_that_is_not_utf8(start, file)
    if odd is None:
        return "utf-8"
    # What is UTF-8, as plain ASCII is, says nothing of the others.
    telling = b"\n".join(line for line in odd.splitlines() if not _is_utf8(line))
    guesses = from_bytes(telling, cp_isolation=list(_EIGHT_BITS))
    likeliest = guesses.best()
    if likeliest is None or any(one.encoding == _FALLBACK and one.chaos <= likeliest.chaos for one in guesses):
        return _FALLBACK
    return likeliest.encoding


def delimiter_of(line: str) -> str:
    """What divides the cells of a file, by its first line: the candidate that stands there most, outside of quotes."""
    plain = "".join(line.split('"')[::2])
    return max(_DELIMITERS, key=lambda delimiter: (plain.count(delimiter), -_DELIMITERS.index(delimiter)))


def read_records(path: Path) -> Iterator[Record]:
    """The records of a file that are not blank.  What cannot be read is a record with a `fault`, and reading goes on.

    Raises OSError when the file cannot be opened.
    """
    with path.open("rb") as raw:
        encoding = encoding_of(path)
        several = encoding in _EIGHT_BITS
        # What an encoding has no character for is refused where it stands in a cell that matters.
        text = io.TextIOWrapper(raw, _BYTES if several else encoding, errors="replace", newline="")
        lines = _Lines(_decoded(_read_lines(text, raw), encoding) if several else _read_lines(text, raw))
        delimiter = ""
        for line in lines:
            if not delimiter:
                if line.text.lower().startswith("sep=") and len(line.text.strip()) == 5:
                    delimiter = line.text[4]  # as Excel writes and reads it
                    continue
                delimiter = delimiter_of(line.text)
            if line.fault is not None:
                yield Record(line.number, fault=line.fault, read_bytes=line.read_bytes)
            elif line.text.strip():
                yield _record(line, lines, delimiter)


def _decoded(lines: Iterator[_Line], encoding: str) -> Iterator[_Line]:
    """Lines of bytes as text: each that is UTF-8 as that, since files are put together from several, others as said."""
    for line in lines:
        content = line.text.encode(_BYTES)
        yield line._replace(text=content.decode("utf-8" if _is_utf8(content) else encoding, "replace"))


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Lines:
    """Lines, some of which may be put back."""

    def __init__(self, source: Iterator[_Line]) -> None:
        self._source = source
        self._back: deque[_Line] = deque()

    def __iter__(self) -> Iterator[_Line]:
        while (line := self.take()) is not None:
            yield line

    def take(self) -> _Line | None:
        return self._back.popleft() if self._back else next(self._source, None)

    def put_back(self, lines: list[_Line]) -> None:
        self._back.extendleft(reversed(lines))


def _record(first: _Line, lines: _Lines, delimiter: str) -> Record:
    taken = [first]
    inside = _ends_inside_quotes(first.text, delimiter, inside=False)
    size = len(first.text)
    while inside and len(taken) < MAX_RECORD_LINES and size <= MAX_LINE:
        line = lines.take()
        if line is None:
            break
        taken.append(line)
        size += len(line.text)
        inside = line.fault is None and _ends_inside_quotes(line.text, delimiter, inside=True)
        if line.fault is not None:
            inside = True
            break
    if inside:
        lines.put_back(taken[1:])
        return Record(first.number, fault="a quote is opened and not closed", read_bytes=first.read_bytes)
    try:
        [cells] = csv.reader((line.text for line in taken), delimiter=delimiter, strict=True)
    except (csv.Error, ValueError) as error:
        return Record(first.number, fault=f"not CSV: {error}", read_bytes=taken[-1].read_bytes)
    fault = None
    if len(cells) > MAX_COLUMNS:
        fault = f"more than {MAX_COLUMNS} columns"
    elif max(map(len, cells), default=0) > MAX_CELL:
        fault = f"a cell of more than {MAX_CELL:,} characters"
    kept = [] if fault else cells
    return Record(first.number, kept, fault, size, taken[-1].read_bytes)


def _ends_inside_quotes(line: str, delimiter: str, *, inside: bool) -> bool:
    """Whether a cell in quotes goes on in the next line."""
    if '"' not in line:
        return inside
    at_start = not inside
    position = 0
    while position < len(line):
        character = line[position]
        if inside:
            if character == '"':
                if line[position + 1 : position + 2] == '"':
                    position += 1
                else:
                    inside = False
        elif character == '"' and at_start:
            inside = True
        at_start = character == delimiter and not inside
        position += 1
    return inside


def _read_lines(text: TextIO, raw: io.BufferedReader) -> Iterator[_Line]:
    number = 0
    try:
        while line := text.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                while line and not line.endswith(("\n", "\r")):
                    line = text.readline(MAX_LINE)
                yield _Line(number, "", f"longer than {MAX_LINE:,} characters", raw.tell())
            else:
                yield _Line(number, line, None, raw.tell())
    except (OSError, UnicodeError) as error:
        yield _Line(number + 1, "", f"cannot be read from here on: {error}", raw.tell())


def _first_that_is_not_utf8(start: bytes, file: io.BufferedReader) -> bytes | None:
    """Bytes around the first that are no UTF-8; None when all of the file is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    chunk = start
    while True:
        try:
            decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            around = max(0, error.start - _SAMPLE_BYTES // 2)
            return chunk[around : around + _SAMPLE_BYTES] or start
        if not chunk:
            return None
        chunk = file.read(_CHUNK_BYTES)
