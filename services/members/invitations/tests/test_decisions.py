"""The specification of invitations: each command accepted, refused and repeated."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import given as forall
from hypothesis import strategies as st

from libs.access.roles import Role
from libs.shared.domain import SYSTEM, Command, DomainError
from libs.shared.testing.bdd import given
from services.members.invitations.decisions import DECIDER
from services.members.invitations.invitation import (
    MAX_MAILS,
    AcceptToken,
    ExpireInvitation,
    ForgetInvitation,
    InvitationAccepted,
    InvitationEvent,
    InvitationExpired,
    InvitationForgotten,
    InvitationResent,
    InvitationRevoked,
    InvitationWorded,
    InviteAddress,
    MemberInvited,
    ResendInvitation,
    RevokeInvitation,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OWNER = frozenset({Role.OWNER, Role.MEMBER})
BUILDER = frozenset({Role.BUILDER, Role.MEMBER})
MEMBER = frozenset({Role.MEMBER})
HASH = "0a" * 32
INVITED = MemberInvited(
    edition=1, address="ada@example.org", name=None, role=Role.MEMBER, language=None, invited_at=NOW,
    expires_at=NOW + timedelta(days=14), valid_days=14, salt="s1", token_hash=HASH,
)  # fmt: skip
ACCEPTED = InvitationAccepted(member_id="m9")
C = TypeVar("C", bound=Command)


def command(kind: type[C], days: float = 0, **fields: Any) -> C:
    envelope = {"command_id": "c1", "brand": "b1", "actor": "o1", "roles": OWNER, "invitation_id": "i1"}
    return kind(**{**envelope, "now": NOW + timedelta(days=days), **fields})


def invite(days: float = 0, **fields: Any) -> InviteAddress:
    what = {"address": "ada@example.org", "salt": "s1", "token_hash": HASH}
    return command(InviteAddress, days, **{**what, **fields})


def accept(days: float = 0, **fields: Any) -> AcceptToken:
    return command(AcceptToken, days, **{"actor": "m9", "member_id": "m9", "token_hash": HASH, **fields})


def platform(kind: type[C], days: float) -> C:
    return command(kind, days, actor=SYSTEM, roles=frozenset())


class TestInvite:
    def test_leaders_invite(self) -> None:
        given(DECIDER).when(invite()).then(INVITED)
        given(DECIDER).when(invite(roles=BUILDER)).then(INVITED)
        worded = invite(message="Come!")
        given(DECIDER).when(worded).then(INVITED, InvitationWorded(message="Come!"))

    def test_nobody_else_does(self) -> None:
        given(DECIDER).when(invite(roles=MEMBER)).then_raises("FORBIDDEN")
        given(DECIDER).when(invite(roles=frozenset())).then_raises("FORBIDDEN")

    def test_a_role_is_for_owners_to_give(self) -> None:
        given(DECIDER).when(invite(roles=BUILDER, role=Role.BUILDER)).then_raises("FORBIDDEN")
        given(DECIDER).when(invite(role=Role.OWNER)).then(MemberInvited(**{**_fields(INVITED), "role": Role.OWNER}))

    def test_who_is_invited_is_not_invited_again(self) -> None:
        given(DECIDER, INVITED).when(invite(days=13)).then_nothing()
        given(DECIDER, INVITED).when(invite(role=Role.BUILDER)).then_raises("ALREADY_INVITED", ("role",))

    def test_who_has_accepted_is_not_invited_again(self) -> None:
        given(DECIDER, INVITED, ACCEPTED).when(invite(days=30)).then_nothing()
        given(DECIDER, INVITED, ACCEPTED, InvitationForgotten()).when(invite(days=30)).then_nothing()

    @pytest.mark.parametrize("ended", [(InvitationRevoked(),), (InvitationExpired(),), ()])
    def test_who_was_is_with_a_new_token(self, ended: tuple[InvitationEvent, ...]) -> None:
        again = MemberInvited(
            **{
                **_fields(INVITED),
                "edition": 2,
                "salt": "s2",
                "token_hash": "ff",
                "invited_at": NOW + timedelta(days=15),
                "expires_at": NOW + timedelta(days=29),
            }
        )
        before: tuple[InvitationEvent, ...] = (INVITED, *ended)
        given(DECIDER, *before).when(invite(days=15, salt="s2", token_hash="ff")).then(again)
        given(DECIDER, *before, again).when(accept(days=16)).then_raises("INVALID_INVITATION", ("token",))

    def test_a_forgotten_one_has_no_key_any_more(self) -> None:
        history = (INVITED, InvitationRevoked(), InvitationForgotten())
        given(DECIDER, *history).when(invite(days=60)).then_raises("CONFLICT")


class TestResend:
    def test_once_a_day_and_its_time_begins_anew(self) -> None:
        given(DECIDER, INVITED).when(command(ResendInvitation, 0.5)).then_raises("TOO_SOON")
        given(DECIDER, INVITED).when(command(ResendInvitation, 2)).then(_resent(2, 2))
        given(DECIDER, INVITED, _resent(2, 2)).when(command(ResendInvitation, 2.5)).then_raises("TOO_SOON")
        given(DECIDER, INVITED, _resent(2, 2)).when(accept(days=15)).then(ACCEPTED)

    def test_five_times_in_all(self) -> None:
        history: list[InvitationEvent] = [INVITED, *(_resent(mail, mail) for mail in range(2, MAX_MAILS + 1))]
        given(DECIDER, *history).when(command(ResendInvitation, 30)).then_raises("TOO_MANY_MAILS")

    def test_an_expired_one_lives_again(self) -> None:
        given(DECIDER, INVITED, InvitationExpired()).when(command(ResendInvitation, 20)).then(_resent(2, 20))
        given(DECIDER, INVITED, InvitationExpired(), _resent(2, 20)).when(accept(days=21)).then(ACCEPTED)

    def test_not_what_is_over_or_was_never_sent(self) -> None:
        resend = command(ResendInvitation, 2)
        given(DECIDER).when(resend).then_raises("NOT_FOUND")
        given(DECIDER, INVITED, ACCEPTED).when(resend).then_raises("INVITATION_USED")
        given(DECIDER, INVITED, InvitationRevoked()).when(resend).then_raises("INVITATION_REVOKED")
        forgotten = (INVITED, InvitationExpired(), InvitationForgotten())
        given(DECIDER, *forgotten).when(resend).then_raises("INVITATION_EXPIRED")

    def test_by_leaders(self) -> None:
        given(DECIDER, INVITED).when(command(ResendInvitation, 2, roles=MEMBER)).then_raises("FORBIDDEN")

    def test_who_could_not_give_its_role_does_not_bring_it_back_to_life(self) -> None:
        owner = MemberInvited(**{**_fields(INVITED), "role": Role.OWNER})
        for history in ((owner,), (owner, InvitationExpired())):
            given(DECIDER, *history).when(command(ResendInvitation, 20, roles=BUILDER)).then_raises("FORBIDDEN")
            given(DECIDER, *history).when(command(ResendInvitation, 20)).then(_resent(2, 20))


class TestRevoke:
    def test_leaders_take_it_back_once(self) -> None:
        given(DECIDER, INVITED).when(command(RevokeInvitation, roles=BUILDER)).then(InvitationRevoked())
        given(DECIDER, INVITED, InvitationRevoked()).when(command(RevokeInvitation)).then_nothing()
        given(DECIDER, INVITED, InvitationExpired()).when(command(RevokeInvitation)).then(InvitationRevoked())

    def test_not_what_was_accepted_or_never_sent(self) -> None:
        given(DECIDER, INVITED, ACCEPTED).when(command(RevokeInvitation)).then_raises("INVITATION_USED")
        given(DECIDER).when(command(RevokeInvitation)).then_raises("NOT_FOUND")
        given(DECIDER, INVITED).when(command(RevokeInvitation, roles=MEMBER)).then_raises("FORBIDDEN")


class TestAccept:
    def test_whoever_has_the_token_accepts_once(self) -> None:
        given(DECIDER, INVITED).when(accept(days=13)).then(ACCEPTED)
        given(DECIDER, INVITED, ACCEPTED).when(accept(days=100)).then_nothing()

    def test_nobody_else_uses_it_then(self) -> None:
        other = accept(actor="m2", member_id="m2")
        given(DECIDER, INVITED, ACCEPTED).when(other).then_raises("INVITATION_USED")

    def test_each_end_has_its_code(self) -> None:
        given(DECIDER, INVITED).when(accept(days=14)).then_raises("INVITATION_EXPIRED")
        given(DECIDER, INVITED, InvitationExpired()).when(accept(days=14)).then_raises("INVITATION_EXPIRED")
        given(DECIDER, INVITED, InvitationRevoked()).when(accept()).then_raises("INVITATION_REVOKED")

    def test_a_guess_is_told_nothing(self) -> None:
        wrong = accept(token_hash="ff" * 32)
        for history in ((), (INVITED,), (INVITED, InvitationRevoked()), (INVITED, ACCEPTED)):
            given(DECIDER, *history).when(wrong).then_raises("INVALID_INVITATION", ("token",))

    def test_nobody_accepts_for_another(self) -> None:
        given(DECIDER, INVITED).when(accept(actor="m1")).then_raises("FORBIDDEN")


class TestPlatform:
    def test_it_expires_when_its_time_has_run_out(self) -> None:
        given(DECIDER, INVITED).when(platform(ExpireInvitation, 13.9)).then_nothing()
        given(DECIDER, INVITED).when(platform(ExpireInvitation, 14)).then(InvitationExpired())
        given(DECIDER).when(platform(ExpireInvitation, 14)).then_nothing()
        given(DECIDER, INVITED, _resent(2, 10)).when(platform(ExpireInvitation, 14)).then_nothing()
        for over in (ACCEPTED, InvitationRevoked(), InvitationExpired()):
            given(DECIDER, INVITED, over).when(platform(ExpireInvitation, 14)).then_nothing()

    def test_it_is_forgotten_when_it_is_over(self) -> None:
        given(DECIDER, INVITED).when(platform(ForgetInvitation, 50)).then_nothing()
        for over in (ACCEPTED, InvitationRevoked(), InvitationExpired()):
            given(DECIDER, INVITED, over).when(platform(ForgetInvitation, 50)).then(InvitationForgotten())
            history = (INVITED, over, InvitationForgotten())
            given(DECIDER, *history).when(platform(ForgetInvitation, 51)).then_nothing()

    @pytest.mark.parametrize("kind", [ExpireInvitation, ForgetInvitation])
    def test_by_the_platform_alone(self, kind: type[ExpireInvitation | ForgetInvitation]) -> None:
        given(DECIDER, INVITED).when(command(kind, 50)).then_raises("FORBIDDEN")


STEPS = st.sampled_from(
    [
        invite, accept, lambda days: accept(days, actor="m2", member_id="m2"),
        *(lambda days, kind=kind: command(kind, days) for kind in (ResendInvitation, RevokeInvitation)),
        *(lambda days, kind=kind: platform(kind, days) for kind in (ExpireInvitation, ForgetInvitation)),
    ]
)  # fmt: skip


@forall(st.lists(st.tuples(STEPS, st.floats(0, 20)), max_size=12))
def test_a_second_time_changes_nothing_and_one_identity_accepts(steps: list[tuple[Any, float]]) -> None:
    days = 0.0
    history: list[InvitationEvent] = []
    for step, pause in steps:
        days += pause
        for again in (False, True):
            state = given(DECIDER, *history).state
            try:
                events = DECIDER.decide(state, step(days))
            except DomainError:
                events = []
            assert not (again and events), "the same command once more"
            history += events
    assert len({event.member_id for event in history if isinstance(event, InvitationAccepted)}) <= 1


def _resent(mail: int, days: float) -> InvitationResent:
    at = NOW + timedelta(days=days)
    return InvitationResent(mail=mail, resent_at=at, expires_at=at + timedelta(days=14))


def _fields(event: MemberInvited) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}
