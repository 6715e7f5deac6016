"""What is recorded of a mail and of an address: once, by the platform or by who has a link."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest

from libs.shared.domain import SYSTEM, Command, Invalid
from libs.shared.testing.bdd import given
from services.members.mail.address import (
    DECIDER as ADDRESS,
)
from services.members.mail.address import (
    MailOptedIn,
    MailOptedOut,
    OptInToMail,
    OptOutOfMail,
    canonical_address,
)
from services.members.mail.delivery import (
    DECIDER as MAIL,
)
from services.members.mail.delivery import (
    MailGivenUp,
    MailRefused,
    MailSent,
    MailWithheld,
    RecordMail,
    Withheld,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
ABOUT: dict[str, Any] = {"kind": "invitation", "about": "i1"}
C = TypeVar("C", bound=Command)


def record(actor: str = SYSTEM, **what: Any) -> RecordMail:
    return RecordMail(command_id="c1", brand="b1", actor=actor, now=NOW, mail_id="x1", **ABOUT, **what)


def by(kind: type[C], actor: str = "anonymous", token: str | None = "t") -> C:
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, address_id="a1", token=token)  # type: ignore[call-arg]


class TestMail:
    def test_what_became_of_it(self) -> None:
        given(MAIL).when(record()).then(MailSent(**ABOUT))
        given(MAIL).when(record(reply_code=550)).then(MailRefused(**ABOUT, reply_code=550))
        given(MAIL).when(record(given_up=True)).then(MailGivenUp(**ABOUT))
        given(MAIL).when(record(withheld=Withheld.OPTED_OUT)).then(MailWithheld(**ABOUT, reason=Withheld.OPTED_OUT))

    def test_is_said_once(self) -> None:
        for before in (MailSent(**ABOUT), MailRefused(**ABOUT, reply_code=550), MailGivenUp(**ABOUT)):
            given(MAIL, before).when(record()).then_nothing()
            given(MAIL, before).when(record(reply_code=551)).then_nothing()

    def test_by_the_platform_alone(self) -> None:
        given(MAIL).when(record(actor="m1")).then_raises("FORBIDDEN")


class TestAddress:
    def test_out_and_in_again_each_once(self) -> None:
        given(ADDRESS).when(by(OptOutOfMail)).then(MailOptedOut())
        given(ADDRESS, MailOptedOut()).when(by(OptOutOfMail)).then_nothing()
        given(ADDRESS, MailOptedOut()).when(by(OptInToMail)).then(MailOptedIn())
        given(ADDRESS).when(by(OptInToMail)).then_nothing()
        given(ADDRESS, MailOptedOut(), MailOptedIn()).when(by(OptOutOfMail)).then(MailOptedOut())

    @pytest.mark.parametrize("kind", [OptOutOfMail, OptInToMail])
    def test_without_a_link_the_platform_alone(self, kind: type[OptOutOfMail | OptInToMail]) -> None:
        given(ADDRESS).when(by(kind, "m1", None)).then_raises("FORBIDDEN")
        given(ADDRESS, MailOptedOut()).when(by(OptOutOfMail, SYSTEM, None)).then_nothing()


@pytest.mark.parametrize(
    ("given_as", "canonical"),
    [
        ("ada@example.org", "ada@example.org"),
        (" Ada.B+tag@EXAMPLE.Org ", "Ada.B+tag@example.org"),
        ("ada@münchen.de", "ada@xn--mnchen-3ya.de"),
        ("ada@xn--mnchen-3ya.de", "ada@xn--mnchen-3ya.de"),
    ],
)
def test_an_address_has_one_spelling(given_as: str, canonical: str) -> None:
    assert canonical_address(given_as) == canonical


@pytest.mark.parametrize(
    "text",
    ["", "ada", "@example.org", "ada@localhost", "a..b@example.org", '"a b"@example.org', "jé@example.org",
     "ada@example.org\r\nBcc: b@example.org", "a@example.org,b@example.org", "a" * 65 + "@example.org", "a@b.test",
     "ada@[127.0.0.1]"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        canonical_address(text)
    assert caught.value.path == ("address",)
