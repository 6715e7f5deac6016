"""Reading import files in bounded memory: JSON Lines, plain or gzipped, one numbered line at a time."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from libs.cli.import_lines import MAX_LINE_BYTES

_GZIP = b"\x1f\x8b"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class NumberedLine(Struct, frozen=True):
    """One line as found: `number` counts from 1; `data` has no line feed; `fault` says why there is no data.

    `read_bytes` is how much of the file, as it lies on the disk, has been read so far.
    """

    file: str
    number: int
    data: bytes = b""
    fault: str | None = None
    read_bytes: int = 0


def read_lines(path: Path) -> Iterator[NumberedLine]:
    """The lines of a file that are not blank.  What cannot be read is a line with a `fault`; reading goes on if it can.

    Gzip is known by its first two bytes, whatever the file is called.  Raises OSError when the file cannot be opened.
    """
    number = 0
    with path.open("rb") as raw:
        packed = raw.peek(2)[:2] == _GZIP
        source: io.BufferedIOBase = gzip.GzipFile(fileobj=raw) if packed else raw
        try:
            while True:
                data = source.readline(MAX_LINE_BYTES + 2)
                if not data:
                    return
                number += 1
                if number == 1:
                    data = data.removeprefix(_BYTE_ORDER_MARK)
                if len(data.rstrip(b"\r\n")) > MAX_LINE_BYTES:
                    _skip_to_line_feed(source, data)
                    yield NumberedLine(path.name, number, fault=f"longer than {MAX_LINE_BYTES:,} bytes")
                elif data.strip():
                    yield NumberedLine(path.name, number, data.rstrip(b"\r\n"), read_bytes=raw.tell())
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield NumberedLine(path.name, number + 1, fault=f"damaged gzip, nothing read from here on: {error}")
        except OSError as error:
            yield NumberedLine(path.name, number + 1, fault=f"cannot be read from here on: {error.strerror or error}")


def _skip_to_line_feed(source: io.BufferedIOBase, data: bytes) -> None:
    while data and not data.endswith(b"\n"):
        data = source.readline(1 << 16)
