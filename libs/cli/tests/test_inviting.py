"""Inviting from CSV: who is invited, what is refused with its line and reason, and that a second run invites nobody."""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from msgspec import Struct
from rich.console import Console

from libs.access.roles import Role
from libs.cli.contacts import BadRow, Columns, Contact, neutral
from libs.cli.import_report import Outcome, Report
from libs.cli.inviting import invite_files
from libs.cli.problems import CannotRun
from libs.shared.domain import Accepted, DomainError
from services.members.invitations.invitation import InviteMember

T = TypeVar("T")


class FakeBus:
    """The platform as an invitation sees it: an address is invited once."""

    def __init__(self) -> None:
        self.invited: dict[str, InviteMember] = {}
        self.refuse: dict[str, DomainError] = {}

    async def command(
        self, service: str, aggregate: str, name: str, payload: Struct, *, timeout_seconds: float = 10
    ) -> Accepted:
        command = msgspec.json.decode(msgspec.json.encode(payload), type=InviteMember)
        assert (service, aggregate, name, command.actor) == ("members", "invitation", "invite_member", "system")
        key = command.address.lower()
        if key in self.refuse:
            raise self.refuse[key]
        known = key in self.invited
        self.invited.setdefault(key, command)
        return Accepted(id=f"i{len(key)}", position={"MEMBERS": len(self.invited)}, repeated=known)

    async def query(
        self, service: str, name: str, payload: Mapping[str, Any], reply: type[T], *, timeout_seconds: float = 5
    ) -> T:
        answers: dict[str, Any] = {"brand_by_slug": {"id": "b1"}, "invitations_get_many": [None]}
        return msgspec.convert(answers[name], reply)


def report() -> Report:
    return Report(Console(quiet=True), Console(quiet=True))


async def invite(bus: FakeBus, path: Path, refused: Path | None = None, **wish: Any) -> Report:
    made = report()
    await invite_files(bus, "club", [path], made, refused=refused, **wish)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with something of everything in it."""
    made = tmp_path / "contacts.csv"
    made.write_bytes(
        "E-Mail;Vorname;Nachname;Rolle?;Role;Langue\n"
        "Ada@Example.org;Ada;Lovelace;;builder;fr-ca\n"
        "\n"
        "=cmd|' /C calc'!A0;Eve;;;;\n"
        "bob@example.org;;;;;\n"
        "ADA@example.org;Ada;L.;;builder;\n"
        ";Nobody;;;;\n"
        "eve@example.org;Eve;;;queen;\n"
        "taken@example.org;Tom;;;;\n"
        "zoë@example.org;Zoë;;;;\n"
        'x@example.org;"open\n'
        "last@example.org;Last;;;;de_AT\n".encode("cp1252")
    )
    return made


async def test_each_address_is_invited_once_and_bad_rows_have_their_line(path: Path, tmp_path: Path) -> None:
    bus = FakeBus()
    bus.refuse["taken@example.org"] = DomainError("ALREADY_INVITED", "revoke the invitation first")
    refused = tmp_path / "refused.csv"
    first = await invite(bus, path, refused, message="Come!", valid_days=30)
    assert set(bus.invited) == {"ada@example.org", "bob@example.org", "last@example.org"}
    ada, last = bus.invited["ada@example.org"], bus.invited["last@example.org"]
    assert (ada.name, ada.role, ada.language, ada.message, ada.valid_days) == (
        "Ada Lovelace", Role.BUILDER, "fr-CA", "Come!", 30,
    )  # fmt: skip
    assert (last.name, last.role, last.language) == ("Last", Role.MEMBER, "de-AT")
    counts = [first.of("invitation", outcome) for outcome in Outcome]
    assert counts == [3, 1, 6]
    rows = list(csv.reader(refused.read_text(encoding="utf-8-sig").splitlines()))
    assert {int(row[0]): row[1].split(":")[0] for row in rows[1:]} == {
        4: "not an e-mail address", 7: "no address",
        8: "the role is none of owner, builder, moderator, ambassador, guest_speaker, member",
        9: "revoke the invitation first (ALREADY_INVITED)", 10: "not an e-mail address",
        11: "a quote is opened and not closed",
    }  # fmt: skip
    assert rows[1][2] == "'=cmd|' /C calc'!A0", "no spreadsheet takes it for a formula"
    second = await invite(bus, path)
    assert [second.of("invitation", outcome) for outcome in Outcome] == [0, 4, 6]


async def test_a_file_without_addresses_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("first name,town\nAda,London\n")
    bus = FakeBus()
    with pytest.raises(CannotRun, match="no column is called email"):
        await invite(bus, path)
    assert bus.invited == {}


async def test_a_list_of_addresses_needs_no_names_of_columns(tmp_path: Path) -> None:
    path = tmp_path / "f.csv"
    path.write_text("a@example.org\nb@example.org\n")
    bus = FakeBus()
    await invite(bus, path)
    assert set(bus.invited) == {"a@example.org", "b@example.org"}


async def test_a_report_that_cannot_be_written_is_said_at_once(path: Path, tmp_path: Path) -> None:
    bus = FakeBus()
    with pytest.raises(CannotRun, match="cannot write"):
        await invite(bus, path, tmp_path / "no" / "folder.csv")
    assert bus.invited == {}


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_formulas_are_neutral(cell: str) -> None:
    assert neutral(cell) == f"'{cell}"
    assert neutral("plain") == "plain"


@pytest.mark.parametrize(
    ("head", "row", "contact"),
    [
        ("Adresse e-mail|Nom|Prénom", "a@b.org|Curie|Marie", Contact(address="a@b.org", name="Marie Curie")),
        ("\ufeffEMAIL|Display Name", "a@b.org|  Marie   C. ", Contact(address="a@b.org", name="Marie C.")),
        ("id|Courriel|Langue", "7| a@b.org |FR", Contact(address="a@b.org", language="fr")),
        ("Email Address|zh", "a@b.org", Contact(address="a@b.org")),
        ("email|locale", "a@b.org|zh_hant_tw", Contact(address="a@b.org", language="zh-Hant-TW")),
    ],
)
def test_columns_are_known_by_their_names(head: str, row: str, contact: Contact) -> None:
    assert Columns.of(head.split("|")).contact(row.split("|")) == contact


@pytest.mark.parametrize("row", ["a@b.org|" + "x" * 201, "a@b.org|a\x07b", "a@b.org|\ufffd", "a@b.org|A|klingon-1"])
def test_what_cannot_be_used_is_a_bad_row(row: str) -> None:
    with pytest.raises(BadRow):
        Columns.of(["email", "name", "language"]).contact(row.split("|"))
