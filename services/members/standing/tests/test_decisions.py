"""The specification of standing and of roles: who may act on whom, and what ends when."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.access.roles import ALL_ROLES, Role
from libs.shared.domain import SYSTEM, DomainError
from libs.shared.testing.bdd import Given, given
from services.members.member import (
    AdmitMember,
    ChangeProfile,
    EraseMember,
    GrantRole,
    JoinBrand,
    LeaveBrand,
    Member,
    MemberCommand,
    MemberErasureRequested,
    MemberEvent,
    MemberJoined,
    MemberLeft,
    ProfileChanged,
    RevokeRole,
    RoleGranted,
    RoleRevoked,
)
from services.members.member_decisions import DECIDER
from services.members.standing.facts import (
    BanMember,
    EndSuspension,
    ExpireRole,
    GrantVerifiedMark,
    MemberBanned,
    MemberReinstated,
    MemberSuspended,
    ReinstateMember,
    RevokeVerifiedMark,
    SuspendMember,
    Suspension,
    VerifiedMarkGranted,
    VerifiedMarkRevoked,
)

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY, YEAR = timedelta(days=1), timedelta(days=365)
JOINED = MemberJoined(identity="i1", display_name="Marie")
SUSPENDED = MemberSuspended(reason="Shouts", until=NOW + DAY)
BANNED = MemberBanned(reason="Shouts")
OWNERS, MODERATORS = frozenset({"member", "owner"}), frozenset({"member", "moderator"})
C = TypeVar("C", bound=MemberCommand)
Member_ = Given[Member, MemberCommand, MemberEvent]


def command(kind: type[C], *, actor: str = "m9", roles: frozenset[str] = OWNERS, **fields: Any) -> C:
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, roles=roles, member_id="m1", **fields)


def member(*events: MemberEvent) -> Member_:
    return given(DECIDER, JOINED, *events)


def granted(*roles: Role, space_id: str | None = None) -> list[MemberEvent]:
    return [RoleGranted(role=role, space_id=space_id) for role in roles]


def suspend(**fields: Any) -> SuspendMember:
    return command(SuspendMember, **{"reason": "Shouts", "until": NOW + DAY, **fields})


def ban(**fields: Any) -> BanMember:
    return command(BanMember, **{"reason": "Shouts", **fields})


def join() -> JoinBrand:
    return command(JoinBrand, actor="m1", roles=frozenset(), identity="i1", display_name="Marie")


#: What owners and moderators do about a member, and what it comes to.
JUDGING: list[tuple[MemberCommand, list[MemberEvent]]] = [
    (suspend(), [SUSPENDED]),
    (ban(), [MemberLeft(), BANNED]),
]


@pytest.mark.parametrize(("judged", "outcome"), JUDGING, ids=["suspend", "ban"])
class TestWhoMayActOnWhom:
    @pytest.mark.parametrize("roles", [OWNERS, MODERATORS, ALL_ROLES])
    def test_owners_and_moderators(
        self, judged: MemberCommand, outcome: list[MemberEvent], roles: frozenset[str]
    ) -> None:
        member().when(msgspec.structs.replace(judged, roles=roles)).then(*outcome)

    @pytest.mark.parametrize("role", ["builder", "ambassador", "guest_speaker", "moderator@s1", "owner@s1"])
    def test_nobody_else(self, judged: MemberCommand, outcome: list[MemberEvent], role: str) -> None:
        refused = msgspec.structs.replace(judged, roles=frozenset({"member", role}))
        member().when(refused).then_raises("FORBIDDEN")

    @pytest.mark.parametrize("role", [Role.BUILDER, Role.MODERATOR])
    @pytest.mark.parametrize("space_id", [None, "s1"])
    def test_moderators_not_on_who_runs_the_brand_with_them(
        self, judged: MemberCommand, outcome: list[MemberEvent], role: Role, space_id: str | None
    ) -> None:
        history = member(*granted(role, space_id=space_id))
        history.when(msgspec.structs.replace(judged, roles=MODERATORS)).then_raises("FORBIDDEN", ("member_id",))
        history.when(judged).then(*outcome)

    def test_an_owner_is_first_relieved(self, judged: MemberCommand, outcome: list[MemberEvent]) -> None:
        history = member(*granted(Role.OWNER))
        history.when(judged).then_raises("LAST_OWNER", ("member_id",))
        history.when(msgspec.structs.replace(judged, roles=MODERATORS)).then_raises("FORBIDDEN", ("member_id",))
        history.when(msgspec.structs.replace(judged, actor=SYSTEM, roles=ALL_ROLES)).then(*outcome)
        member(*granted(Role.OWNER), RoleRevoked(role=Role.OWNER)).when(judged).then(*outcome)

    def test_nobody_on_themselves(self, judged: MemberCommand, outcome: list[MemberEvent]) -> None:
        member().when(msgspec.structs.replace(judged, actor="m1")).then_raises("FORBIDDEN", ("member_id",))

    def test_nobody_who_was_never_there(self, judged: MemberCommand, outcome: list[MemberEvent]) -> None:
        given(DECIDER).when(judged).then_raises("NOT_A_MEMBER", ("member_id",))


class TestSuspension:
    def test_again_is_nothing_and_another_takes_its_place(self) -> None:
        member(SUSPENDED).when(suspend()).then_nothing()
        longer = MemberSuspended(reason="Shouts", until=NOW + 2 * DAY)
        member(SUSPENDED).when(suspend(until=NOW + 2 * DAY)).then(longer)
        member(SUSPENDED).when(suspend(reason="Spits")).then(MemberSuspended(reason="Spits", until=NOW + DAY))
        member(SUSPENDED).when(suspend(until=None)).then(MemberSuspended(reason="Shouts"))

    @pytest.mark.parametrize("until", [NOW, NOW - DAY, NOW + 11 * YEAR])
    def test_an_end_lies_ahead_and_not_too_far(self, until: datetime) -> None:
        member().when(suspend(until=until)).then_raises("INVALID", ("until",))

    def test_who_has_left_is_not_suspended(self) -> None:
        member(MemberLeft()).when(suspend()).then_raises("NOT_A_MEMBER", ("member_id",))

    def test_it_stops_what_a_member_writes_and_lets_them_leave_and_be_erased(self) -> None:
        renamed = command(ChangeProfile, actor="m1", roles=frozenset(), display_name="Mimi")
        member(SUSPENDED).when(renamed).then_raises("SUSPENDED")
        member(SUSPENDED).when(command(LeaveBrand, actor="m1")).then(MemberLeft())
        member(SUSPENDED).when(command(EraseMember, actor="m1")).then(MemberLeft(), MemberErasureRequested())

    def test_leaving_does_not_end_it(self) -> None:
        given(DECIDER, JOINED, SUSPENDED, MemberLeft()).when(join()).then_raises("SUSPENDED")
        given(DECIDER, JOINED, SUSPENDED, MemberLeft(), MemberReinstated()).when(join()).then(JOINED)

    def test_no_role_is_given_meanwhile(self) -> None:
        member(SUSPENDED).when(command(GrantRole, role=Role.BUILDER)).then_raises("SUSPENDED", ("member_id",))

    def test_the_platform_ends_the_one_whose_time_has_come(self) -> None:
        ends = command(EndSuspension, actor=SYSTEM, until=NOW + DAY)
        member(SUSPENDED).when(ends).then(MemberReinstated(expired=True))
        member(SUSPENDED, MemberReinstated(expired=True)).when(ends).then_nothing()
        member(SUSPENDED, MemberSuspended(reason="Spits", until=NOW + 2 * DAY)).when(ends).then_nothing()
        member(SUSPENDED, MemberSuspended(reason="Spits")).when(ends).then_nothing()
        member(SUSPENDED).when(msgspec.structs.replace(ends, actor="m9")).then_raises("FORBIDDEN")

    def test_no_history_holds_a_reason_after_an_erasure(self) -> None:
        state = given(DECIDER, JOINED, SUSPENDED, MemberLeft(), MemberErasureRequested()).state
        assert state.standing.suspension is None


class TestBan:
    def test_the_identity_stays_out_until_it_is_reinstated(self) -> None:
        out = given(DECIDER, JOINED, MemberLeft(), BANNED)
        out.when(join()).then_raises("BANNED")
        out.when(msgspec.structs.replace(join(), actor=SYSTEM)).then_raises("BANNED")
        out.when(command(AdmitMember, identity="i1")).then_raises("BANNED")
        back = given(DECIDER, JOINED, MemberLeft(), BANNED, MemberReinstated())
        back.when(join()).then(JOINED)

    def test_who_has_left_can_be_banned_too_and_once(self) -> None:
        given(DECIDER, JOINED, MemberLeft()).when(ban()).then(BANNED)
        given(DECIDER, JOINED, MemberLeft(), BANNED).when(ban(reason="Again")).then_nothing()

    def test_it_takes_the_place_of_a_suspension(self) -> None:
        assert member(SUSPENDED, MemberLeft(), BANNED).state.standing.suspension is None

    def test_roles_and_mark_are_gone(self) -> None:
        state = member(*granted(Role.MODERATOR), VerifiedMarkGranted(), MemberLeft(), BANNED).state
        assert not state.grants and not state.standing.verified

    def test_who_is_erased_needs_no_ban(self) -> None:
        given(DECIDER, JOINED, MemberLeft(), MemberErasureRequested()).when(ban()).then_raises("ERASED")


class TestReinstating:
    @pytest.mark.parametrize("history", [[SUSPENDED], [MemberLeft(), BANNED]], ids=["suspended", "banned"])
    def test_owners_and_moderators(self, history: list[MemberEvent]) -> None:
        for roles in (OWNERS, MODERATORS):
            lift = command(ReinstateMember, roles=roles, reason="Said sorry")
            member(*history).when(lift).then(MemberReinstated(reason="Said sorry"))
            member(*history, MemberReinstated()).when(lift).then_nothing()
        lift = command(ReinstateMember, roles=frozenset({"member", "builder"}))
        member(*history).when(lift).then_raises("FORBIDDEN")
        member(*history).when(command(ReinstateMember, actor="m1")).then_raises("FORBIDDEN", ("member_id",))

    def test_who_is_in_good_standing_needs_none(self) -> None:
        member().when(command(ReinstateMember)).then_nothing()
        given(DECIDER).when(command(ReinstateMember)).then_raises("NOT_A_MEMBER", ("member_id",))

    def test_an_owner_whom_the_platform_suspended_is_reinstated_by_another(self) -> None:
        member(*granted(Role.OWNER), SUSPENDED).when(command(ReinstateMember)).then(MemberReinstated())

    def test_a_moderator_lifts_nothing_from_another(self) -> None:
        lift = command(ReinstateMember, roles=MODERATORS)
        member(*granted(Role.MODERATOR), SUSPENDED).when(lift).then_raises("FORBIDDEN", ("member_id",))


class TestVerifiedMark:
    @pytest.mark.parametrize("role", ["owner", "builder"])
    def test_leaders_vouch_for_others(self, role: str) -> None:
        roles = frozenset({"member", role})
        vouch, stop = command(GrantVerifiedMark, roles=roles), command(RevokeVerifiedMark, roles=roles)
        member().when(vouch).then(VerifiedMarkGranted())
        member(VerifiedMarkGranted()).when(vouch).then_nothing()
        member(VerifiedMarkGranted()).when(stop).then(VerifiedMarkRevoked())
        member().when(stop).then_nothing()
        given(DECIDER).when(vouch).then_raises("NOT_A_MEMBER", ("member_id",))

    def test_nobody_for_themselves_and_moderators_not_at_all(self) -> None:
        member().when(command(GrantVerifiedMark, actor="m1")).then_raises("FORBIDDEN", ("member_id",))
        for kind in (GrantVerifiedMark, RevokeVerifiedMark):
            member(VerifiedMarkGranted()).when(command(kind, roles=MODERATORS)).then_raises("FORBIDDEN")

    def test_it_is_for_the_name_that_was_seen(self) -> None:
        def change(**fields: str) -> ChangeProfile:
            return command(ChangeProfile, actor="m1", roles=frozenset(), **fields)

        renamed = ProfileChanged(display_name="The Bank", bio="")
        member(VerifiedMarkGranted()).when(change(display_name="The Bank")).then(renamed, VerifiedMarkRevoked())
        member(VerifiedMarkGranted()).when(change(bio="Sails")).then(ProfileChanged(display_name="Marie", bio="Sails"))
        member().when(change(display_name="The Bank")).then(renamed)


class TestRoles:
    def test_a_role_is_for_the_brand_or_for_one_space_each_by_itself(self) -> None:
        here = RoleGranted(role=Role.MODERATOR, space_id="s1")
        member().when(command(GrantRole, role=Role.MODERATOR, space_id="s1")).then(here)
        member(here).when(command(GrantRole, role=Role.MODERATOR, space_id="s1")).then_nothing()
        member(here).when(command(GrantRole, role=Role.MODERATOR)).then(RoleGranted(role=Role.MODERATOR))
        member(here).when(command(RevokeRole, role=Role.MODERATOR)).then_nothing()
        gone = RoleRevoked(role=Role.MODERATOR, space_id="s1")
        member(here).when(command(RevokeRole, role=Role.MODERATOR, space_id="s1")).then(gone)

    def test_granting_again_moves_the_end(self) -> None:
        one = RoleGranted(role=Role.GUEST_SPEAKER, expires_at=NOW + DAY)
        for other in (NOW + 2 * DAY, NOW + timedelta(hours=1), None):
            again = command(GrantRole, role=Role.GUEST_SPEAKER, expires_at=other)
            member(one).when(again).then(RoleGranted(role=Role.GUEST_SPEAKER, expires_at=other))
        member(one).when(command(GrantRole, role=Role.GUEST_SPEAKER, expires_at=NOW + DAY)).then_nothing()

    @pytest.mark.parametrize("end", [NOW, NOW - DAY, NOW + 11 * YEAR])
    def test_an_end_lies_ahead_and_not_too_far(self, end: datetime) -> None:
        given_ = command(GrantRole, role=Role.BUILDER, expires_at=end)
        member().when(given_).then_raises("INVALID", ("expires_at",))

    def test_an_owner_owns_the_whole_brand_and_does_not_end(self) -> None:
        member().when(command(GrantRole, role=Role.OWNER, space_id="s1")).then_raises("INVALID", ("space_id",))
        end = command(GrantRole, role=Role.OWNER, expires_at=NOW + DAY)
        member().when(end).then_raises("INVALID", ("expires_at",))

    def test_the_platform_takes_the_one_whose_time_has_come(self) -> None:
        grant = RoleGranted(role=Role.BUILDER, space_id="s1", expires_at=NOW + DAY)
        fields: dict[str, Any] = {"role": Role.BUILDER, "space_id": "s1", "expires_at": NOW + DAY}
        ends = command(ExpireRole, actor=SYSTEM, **fields)
        gone = RoleRevoked(role=Role.BUILDER, space_id="s1", expired=True)
        member(grant).when(ends).then(gone)
        for after in (
            [gone],
            [RoleRevoked(role=Role.BUILDER, space_id="s1")],
            [RoleGranted(role=Role.BUILDER, space_id="s1", expires_at=NOW + 2 * DAY)],
            [RoleGranted(role=Role.BUILDER, space_id="s1")],
            [MemberLeft()],
            [MemberLeft(), JOINED, RoleGranted(role=Role.BUILDER, space_id="s1")],
        ):
            member(grant, *after).when(ends).then_nothing()
        member(grant).when(command(ExpireRole, **fields)).then_raises("FORBIDDEN")

    def test_there_are_only_so_many(self) -> None:
        many = [RoleGranted(role=Role.MODERATOR, space_id=f"s{number}") for number in range(100)]
        one_more = command(GrantRole, role=Role.MODERATOR, space_id="s100")
        member(*many).when(one_more).then_raises("TOO_MANY_ROLES", ("member_id",))
        extended = command(GrantRole, role=Role.MODERATOR, space_id="s1", expires_at=NOW + DAY)
        member(*many).when(extended).then(RoleGranted(role=Role.MODERATOR, space_id="s1", expires_at=NOW + DAY))


@pytest.mark.parametrize("kind", [SuspendMember, BanMember, ReinstateMember])
@pytest.mark.parametrize("reason", ["", " \n", "x" * 1_001, "bell\x07"])
def test_a_reason_is_a_text(kind: type[MemberCommand], reason: str) -> None:
    fields = {"command_id": "c1", "brand": "b1", "actor": "m9", "now": NOW, "member_id": "m1", "reason": reason}
    with pytest.raises(msgspec.ValidationError, match=r"reason"):
        msgspec.convert(fields, kind)


COMMANDS = some.sampled_from(
    [
        join(),
        suspend(),
        suspend(until=None),
        ban(),
        command(ReinstateMember),
        command(EndSuspension, actor=SYSTEM, until=NOW + DAY),
        command(GrantRole, role=Role.MODERATOR, space_id="s1", expires_at=NOW + DAY),
        command(GrantRole, role=Role.MODERATOR),
        command(RevokeRole, role=Role.MODERATOR, space_id="s1"),
        command(ExpireRole, actor=SYSTEM, role=Role.MODERATOR, space_id="s1", expires_at=NOW + DAY),
        command(GrantVerifiedMark),
        command(ChangeProfile, actor="m1", display_name="Mimi"),
        command(LeaveBrand, actor="m1"),
    ]
)


@for_all(some.lists(COMMANDS, max_size=20))
def test_the_same_command_twice_changes_nothing_and_every_prefix_is_a_membership(commands: list[MemberCommand]) -> None:
    state = DECIDER.initial
    for one in commands:
        try:
            events = DECIDER.decide(state, one)
        except DomainError:
            continue
        for event in events:
            state = DECIDER.evolve(state, event)
        standing = state.standing
        assert not (standing.banned and (state.joined or standing.suspension or standing.verified))
        assert state.joined or not state.grants
        assert standing.suspension is None or isinstance(standing.suspension, Suspension)
        try:
            assert DECIDER.decide(state, one) == []
        except DomainError as refusal:
            assert refusal.code in {"BANNED", "SUSPENDED", "NOT_A_MEMBER"}
