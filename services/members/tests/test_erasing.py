"""The specification of an erasure as the member's own aggregate decides it."""

from libs.access.roles import Role
from libs.shared.domain import SYSTEM
from libs.shared.testing.bdd import given
from services.members.member import (
    CertifyErasure,
    ChangeProfile,
    EraseMember,
    GrantRole,
    LeaveBrand,
    MemberErased,
    MemberErasureRequested,
    MemberEvent,
    MemberLeft,
    ScrubbedService,
)
from services.members.member_decisions import DECIDER
from services.members.tests.test_member import JOINED, NOW, OWNER, OWNERS, command, join

NOBODY: frozenset[str] = frozenset()
REQUESTED = MemberErasureRequested()
SCRUBBED = (ScrubbedService(service="members", sequence=7, views=("member_list",)),)
ERASED = MemberErased(key_destroyed_at=NOW, services=SCRUBBED)
GONE: tuple[MemberEvent, ...] = (JOINED, MemberLeft(), REQUESTED)


def certify(actor: str = SYSTEM) -> CertifyErasure:
    return command(CertifyErasure, actor=actor, key_destroyed_at=NOW, services=SCRUBBED)


class TestErase:
    def test_a_member_asks_to_be_erased_and_is_no_member_any_more(self) -> None:
        given(DECIDER, JOINED).when(command(EraseMember)).then(MemberLeft(), REQUESTED)

    def test_who_has_left_can_be_erased_too(self) -> None:
        given(DECIDER, JOINED, MemberLeft()).when(command(EraseMember, roles=NOBODY)).then(REQUESTED)

    def test_an_owner_erases_a_member(self) -> None:
        given(DECIDER, JOINED).when(command(EraseMember, actor="o1", roles=OWNERS)).then(MemberLeft(), REQUESTED)

    def test_nobody_else_does(self) -> None:
        given(DECIDER, JOINED).when(command(EraseMember, actor="m2")).then_raises("FORBIDDEN")
        given(DECIDER, JOINED).when(command(EraseMember, actor="x", roles=NOBODY)).then_raises("FORBIDDEN")

    def test_who_was_never_there_cannot_be_erased(self) -> None:
        given(DECIDER).when(command(EraseMember)).then_raises("NOT_A_MEMBER", ("member_id",))

    def test_an_owner_hands_over_first(self) -> None:
        for actor in ("m1", "o1"):
            erase = command(EraseMember, actor=actor, roles=OWNERS)
            given(DECIDER, JOINED, OWNER).when(erase).then_raises("LAST_OWNER")

    def test_the_platform_erases_owners_too(self) -> None:
        given(DECIDER, JOINED, OWNER).when(command(EraseMember, actor=SYSTEM, roles=OWNERS)).then(
            MemberLeft(), REQUESTED
        )

    def test_asking_again_changes_nothing(self) -> None:
        given(DECIDER, *GONE).when(command(EraseMember, roles=NOBODY)).then_nothing()
        given(DECIDER, *GONE, ERASED).when(command(EraseMember, roles=NOBODY)).then_nothing()


class TestAfterwards:
    def test_nobody_comes_back(self) -> None:
        for history in ((*GONE,), (*GONE, ERASED)):
            given(DECIDER, *history).when(join()).then_raises("ERASED")
            given(DECIDER, *history).when(join(actor=SYSTEM)).then_raises("ERASED")

    def test_there_is_no_member_to_change(self) -> None:
        given(DECIDER, *GONE).when(command(ChangeProfile, bio="x")).then_raises("NOT_A_MEMBER")
        grant = command(GrantRole, actor="o1", roles=OWNERS, role=Role.BUILDER)
        given(DECIDER, *GONE).when(grant).then_raises("NOT_A_MEMBER")
        given(DECIDER, *GONE).when(command(LeaveBrand)).then_nothing()

    def test_the_state_keeps_nothing_personal(self) -> None:
        for history in ((*GONE,), (*GONE, ERASED)):
            state = given(DECIDER, *history).state
            assert (state.display_name, state.bio, state.roles, state.joined) == ("", "", frozenset(), False)


class TestCertify:
    def test_the_platform_certifies(self) -> None:
        given(DECIDER, *GONE).when(certify()).then(ERASED)

    def test_once(self) -> None:
        given(DECIDER, *GONE, ERASED).when(certify()).then_nothing()

    def test_nobody_else_does(self) -> None:
        given(DECIDER, *GONE).when(certify(actor="m1")).then_raises("FORBIDDEN")
        given(DECIDER, *GONE).when(certify(actor="o1")).then_raises("FORBIDDEN")

    def test_not_what_nobody_asked_for(self) -> None:
        given(DECIDER, JOINED).when(certify()).then_raises("NOT_REQUESTED", ("member_id",))
