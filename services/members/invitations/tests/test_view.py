"""What leaders see of invitations, and what is not seen any more once it is forgotten."""

from datetime import timedelta
from typing import Any

from libs.access.erasure import ErasureRecorded
from libs.shared.domain import Event
from libs.shared.testing.views import NOON, ViewBench, canonical, view_bench
from services.members.invitations.invitation import (
    InvitationAccepted,
    InvitationExpired,
    InvitationForgotten,
    InvitationResent,
    InvitationRevoked,
    InvitationWorded,
)
from services.members.invitations.tests.test_decisions import INVITED
from services.members.invitations.view import (
    InvitationPage,
    InvitationsGetMany,
    InvitationsView,
    InvitationView,
    Progress,
)
from services.members.mail.delivery import MailGivenUp, MailRefused, MailSent, MailWithheld, Withheld

MAIL = {"kind": "invitation", "about": "i1"}


async def project(bench: ViewBench[InvitationsView], *events: Event, id_: str = "i1", actor: str = "m1") -> None:
    await bench.given(*events, aggregate="invitation", id=id_, actor=actor)


async def one(bench: ViewBench[InvitationsView], id_: str = "i1") -> InvitationView:
    [found, none] = await bench.view.invitations_get_many(
        InvitationsGetMany(brand="b1", viewer="m1", ids=[id_, "other"])
    )
    assert found is not None and none is None
    return found


async def test_an_invitation_and_what_became_of_it(mongo_url: str) -> None:
    async with view_bench(InvitationsView(), mongo_url) as bench:
        await project(bench, INVITED, InvitationWorded(message="Come!"))
        shown = await one(bench)
        assert (shown.address, shown.message, shown.status, shown.mails) == (
            "ada@example.org", "Come!", Progress.SENDING, 1,
        )  # fmt: skip
        deliveries: list[tuple[Event, Progress]] = [
            (MailSent(**MAIL), Progress.SENT),
            (MailRefused(**MAIL, reply_code=550), Progress.BOUNCED),
            (MailGivenUp(**MAIL), Progress.BOUNCED),
            (MailWithheld(**MAIL, reason=Withheld.OPTED_OUT), Progress.OPTED_OUT),
            (MailSent(kind="digest", about="i1"), Progress.OPTED_OUT),
        ]
        for event, status in deliveries:
            await bench.given(event, aggregate="mail", id="x1", actor="system")
            assert (await one(bench)).status is status
        later = NOON + timedelta(days=30)
        await project(bench, InvitationResent(mail=2, resent_at=NOON, expires_at=later))
        shown = await one(bench)
        assert (shown.status, shown.mails, shown.expires_at) == (Progress.SENDING, 2, later)
        for over, status in ((InvitationRevoked(), Progress.REVOKED), (InvitationExpired(), Progress.EXPIRED)):
            await project(bench, over)
            assert (await one(bench)).status is status
        await project(bench, InvitationAccepted(member_id="m9"))
        shown = await one(bench)
        assert (shown.status, shown.accepted_by) == (Progress.ACCEPTED, "m9")


async def test_a_page_counts_each_address_once(mongo_url: str) -> None:
    async with view_bench(InvitationsView(), mongo_url) as bench:
        again: Any = INVITED.__class__(
            **{**{name: getattr(INVITED, name) for name in INVITED.__struct_fields__}, "edition": 2}
        )
        await project(bench, INVITED, InvitationWorded(message="Come!"), InvitationRevoked(), again)
        await project(bench, INVITED, id_="i2")
        found = await bench.view.invitation_page(InvitationPage(brand="b1", viewer="m1"))
        assert found.total_count == len(found.items) == 2
        first = next(item for item in found.items if item.id == "i1")
        assert (first.message, first.status) == (None, Progress.SENDING), "the words were of the first one"
        other = await bench.view.invitation_page(InvitationPage(brand="b2", viewer="m1"))
        assert (other.items, other.total_count) == ([], 0)


async def test_what_is_forgotten_is_nowhere(mongo_url: str) -> None:
    for event, aggregate in (
        (InvitationForgotten(), "invitation"),
        (ErasureRecorded(key_destroyed_at=NOON), "erasure"),
    ):
        async with view_bench(InvitationsView(), mongo_url) as bench:
            await project(bench, INVITED, InvitationWorded(message="Come!"), InvitationExpired())
            await bench.given(event, aggregate=aggregate, id="i1", actor="system")
            shown = await one(bench)
            assert (shown.address, shown.name, shown.message) == (None, None, None)
            content = await canonical(bench.view)
            assert b"ada@" not in content and b"Come!" not in content


async def test_the_words_of_who_was_erased_are_gone_and_the_invitation_stays(mongo_url: str) -> None:
    async with view_bench(InvitationsView(), mongo_url) as bench:
        await project(bench, INVITED, InvitationWorded(message="Come!"))
        await bench.given(ErasureRecorded(key_destroyed_at=NOON), aggregate="erasure", id="m1", actor="system")
        shown = await one(bench)
        assert (shown.message, shown.address) == (None, "ada@example.org")
