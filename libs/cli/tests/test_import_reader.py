"""Reading import files: numbers, gzip by content, limits, and what damage costs."""

import gzip
import tracemalloc
from pathlib import Path

import pytest

from libs.cli.import_lines import MAX_LINE_BYTES
from libs.cli.import_reader import read_lines


def write(folder: Path, data: bytes, name: str = "file.jsonl") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read(path: Path) -> list[tuple[int, bytes, str | None]]:
    return [(line.number, line.data, line.fault) for line in read_lines(path)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_lines_are_numbered_and_blank_ones_skipped(tmp_path: Path, pack: type[bytes]) -> None:
    path = write(tmp_path, pack(b"\xef\xbb\xbfone\r\n\n  \t\nfour\nlast"))
    assert read(path) == [(1, b"one", None), (4, b"four", None), (5, b"last", None)]
    assert [line.file for line in read_lines(path)] == ["file.jsonl"] * 3


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(write(tmp_path, b"")) == []


def test_gzip_files_one_after_the_other_are_one_file(tmp_path: Path) -> None:
    assert [data for _, data, _ in read(write(tmp_path, gzip.compress(b"a\n") + gzip.compress(b"b\n")))] == [b"a", b"b"]


def test_a_line_of_the_longest_size_is_read(tmp_path: Path) -> None:
    longest = b"x" * MAX_LINE_BYTES
    assert read(write(tmp_path, longest + b"\r\n" + longest)) == [(1, longest, None), (2, longest, None)]


def test_a_huge_line_is_refused_in_little_memory_and_the_next_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"x" * (64 << 20) + b"\nnext\n", compresslevel=1))
    tracemalloc.start()
    try:
        found = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found == [(1, b"", "longer than 1,048,576 bytes"), (2, b"next", None)]
    assert peak < 16 << 20


def test_a_cut_gzip_gives_what_is_whole_and_says_so(tmp_path: Path) -> None:
    packed = gzip.compress(b"".join(b'{"line": %d}\n' % at for at in range(20_000)))
    *lines, fault = read(write(tmp_path, packed[: len(packed) // 2]))
    assert lines
    assert all(reason is None for _, _, reason in lines)
    number, _, reason = fault
    assert reason is not None
    assert reason.startswith("damaged gzip, nothing read from here on")
    assert number == lines[-1][0] + 1


@pytest.mark.parametrize(
    "data",
    [b"\x1f\x8bnonsense", gzip.compress(b"a\n") + b"trailing", gzip.compress(b"a\n")[:-8] + b"00000000"],
    ids=["header", "trailing", "checksum"],
)
def test_damaged_gzip_is_a_fault(tmp_path: Path, data: bytes) -> None:
    assert read(write(tmp_path, data))[-1][2] is not None


def test_how_much_was_read_grows_to_the_size_of_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, b"a\n" * 200_000)
    marks = [line.read_bytes for line in read_lines(path)]
    assert marks == sorted(marks)
    assert marks[-1] == path.stat().st_size
