"""CSV of every origin: encodings, delimiters, quotes, and what must not take the rest of a file with it."""

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.cli.csv_reader import MAX_CELL, MAX_LINE, Record, delimiter_of, encoding_of, read_records

HEAD = "email;name\n"
BODY = "zoë@example.org;Zoë Müller\nb@example.org;Łukasz\n"


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def records(path: Path, content: bytes) -> list[Record]:
    return list(read_records(_written(path, content)))


def cells(path: Path, content: bytes) -> list[list[str]]:
    return [record.cells for record in records(path, content)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_in_all_its_forms(tmp_path: Path, encoding: str) -> None:
    found = cells(tmp_path / "f.csv", (HEAD + BODY).encode(encoding))
    assert found[0][0].removeprefix("\ufeff") == "email"
    assert found[1:] == [["zoë@example.org", "Zoë Müller"], ["b@example.org", "Łukasz"]]


def test_what_western_spreadsheets_write(tmp_path: Path) -> None:
    text = "Prénom;Société;Montant\nZoé;Café à la crème – «Étoile»;5 €\n" * 20
    assert cells(tmp_path / "f.csv", text.encode("cp1252"))[1] == ["Zoé", "Café à la crème – «Étoile»", "5 €"]


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("cp1252", "Zoé Müller à l’Étoile"), ("cp1251", "Пётр Семёнов"), ("mac_roman", "Zoë Ångström")],
)
def test_a_file_that_was_put_together_is_read_line_by_line(tmp_path: Path, encoding: str, name: str) -> None:
    ours, theirs = f"a@example.org;{name}\n", "b@example.org;Łukasz Müller – 李\n"
    content = (HEAD.encode() + ours.encode(encoding) + theirs.encode()) * 30
    assert encoding_of(_written(tmp_path / "f.csv", content)) == encoding
    found = cells(tmp_path / "f.csv", content)
    assert [row[1] for row in found] == ["name", name, "Łukasz Müller – 李"] * 30


def test_a_late_letter_decides_the_encoding_of_a_large_file(tmp_path: Path) -> None:
    rows = "".join(f"m{number}@example.org;Plain\n" for number in range(30_000))
    for encoding in ("utf-8", "cp1252"):
        path = tmp_path / f"{encoding}.csv"
        path.write_bytes((HEAD + rows + "z@example.org;Zoë, naïve façade à l’été\n").encode(encoding))
        assert encoding_of(path) == encoding
        assert list(read_records(path))[-1].cells == ["z@example.org", "Zoë, naïve façade à l’été"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(tmp_path: Path, delimiter: str, ending: str) -> None:
    rows = [["email", "name, first; last|x\ty"], ["a@example.org", 'the "A"']]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=ending, quoting=csv.QUOTE_ALL).writerows(rows)
    assert cells(tmp_path / "f.csv", out.getvalue().encode()) == rows


def test_a_line_may_say_the_delimiter(tmp_path: Path) -> None:
    assert cells(tmp_path / "f.csv", b"sep=|\nemail|name\na@example.org|A\n")[0] == ["email", "name"]
    assert delimiter_of("one") == ","


def test_records_have_the_number_of_their_first_line(tmp_path: Path) -> None:
    found = records(tmp_path / "f.csv", b'a,b\n\n"x\ny",2\n\n3,4\n')
    assert [(record.number, record.cells) for record in found] == [(1, ["a", "b"]), (3, ["x\ny", "2"]), (6, ["3", "4"])]


def test_a_quote_that_is_not_closed_costs_its_own_line(tmp_path: Path) -> None:
    rows = "".join(f"m{number}@example.org,N\n" for number in range(1_000))
    found = records(tmp_path / "f.csv", f'email,name\nx@example.org,"open\n{rows}y@example.org,"ope"n\n'.encode())
    bad = [(record.number, record.fault) for record in found if record.fault]
    assert bad[0] == (2, "a quote is opened and not closed")
    assert [number for number, _ in bad] == [2, 1003]
    assert len(found) == 1_003


def test_a_quote_inside_a_cell_is_a_character(tmp_path: Path) -> None:
    found = records(tmp_path / "f.csv", b'email,name\na@example.org,12" pipe\nb@example.org,B\n')
    assert [record.cells[1] for record in found[1:]] == ['12" pipe', "B"]


def test_what_is_huge_is_refused_and_the_rest_read(tmp_path: Path) -> None:
    huge_line, huge_cell = "x" * (MAX_LINE * 3), "y" * (MAX_CELL + 1)
    content = f"email,name\n{huge_line}\na@example.org,{huge_cell}\n{',' * 600}\nb@example.org,B\n"
    found = records(tmp_path / "f.csv", content.encode())
    assert [record.fault and record.fault.split(" of ")[0] for record in found] == [
        None, "longer than 100,000 characters", "a cell", "more than 500 columns", None,
    ]  # fmt: skip
    assert found[-1].cells == ["b@example.org", "B"]


def test_a_file_of_any_size_takes_the_same_memory(tmp_path: Path) -> None:
    peaks = []
    for rows in (2_000, 40_000):
        path = tmp_path / f"{rows}.csv"
        with path.open("w", encoding="utf-8") as file:
            file.write("email,name,notes\n")
            file.writelines(f'm{number}@example.org,Nürnberg {number},"{"z" * 200}"\n' for number in range(rows))
        tracemalloc.start()
        assert sum(1 for _ in read_records(path)) == rows + 1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.2 and peaks[1] < 8_000_000, peaks


@given(st.binary(max_size=2_000))
def test_any_bytes_are_records_or_faults(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    for record in records(path, content):
        assert (record.fault is None) != (record.cells == [])


@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20), min_size=2,
                 max_size=4),
        min_size=1, max_size=20,
    )
)  # fmt: skip
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["email", "name"], *rows])
    path = tmp_path_factory.getbasetemp() / "written.csv"
    assert cells(path, out.getvalue().encode("utf-8-sig"))[1:] == rows


def test_other_alphabets_are_guessed(tmp_path: Path) -> None:
    text = "имя;город\n" + "Мария Кюри;Санкт-Петербург\nИван Петров;Новосибирск\n" * 5
    assert cells(tmp_path / "f.csv", text.encode("cp1251"))[1] == ["Мария Кюри", "Санкт-Петербург"]
