"""The specification of a member."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some

from libs.access.gate import Stage
from libs.access.roles import Role
from libs.shared.domain import SYSTEM, DomainError
from libs.shared.testing.bdd import given
from services.members.joining import Door
from services.members.member import (
    AcceptRules,
    AdmitMember,
    CertifyErasure,
    ChangeAddress,
    ChangeProfile,
    EraseMember,
    GrantRole,
    JoinBrand,
    JoinThrough,
    LeaveBrand,
    Member,
    MemberAddressChanged,
    MemberAdmitted,
    MemberCommand,
    MemberJoined,
    MemberLeft,
    ProfileChanged,
    RevokeRole,
    RoleGranted,
    RoleRevoked,
    RulesAccepted,
)
from services.members.member_decisions import DECIDER

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
JOINED = MemberJoined(identity="i1", display_name="Marie", email="marie@example.org")
BUILDER = RoleGranted(role=Role.BUILDER)
OWNER = RoleGranted(role=Role.OWNER)
OWNERS = frozenset({"member", "owner"})
BUILDERS = frozenset({"member", "builder"})
MEMBERS = frozenset({"member"})
ADMITTED = MemberAdmitted(role=Role.MEMBER)
C = TypeVar("C", bound=MemberCommand)


def command(kind: type[C], *, actor: str = "m1", roles: frozenset[str] = MEMBERS, **fields: Any) -> C:
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, roles=roles, member_id="m1", **fields)


def join(actor: str = "m1", email: str | None = "marie@example.org") -> JoinBrand:
    fields = {"identity": "i1", "display_name": "Marie", "email": email}
    return command(JoinBrand, actor=actor, roles=frozenset(), **fields)


def join_through(stage: Stage = Stage.OPEN, rules: int = 0, actor: str = "m1", **fields: Any) -> JoinThrough:
    door = Door(stage=stage, rules=rules)
    return command(JoinThrough, actor=actor, identity="i1", display_name="Marie", door=door, **fields)


class TestAdmit:
    def test_leaders_keep_a_place(self) -> None:
        given(DECIDER).when(admit()).then(MemberAdmitted(role=Role.MEMBER))
        given(DECIDER, ADMITTED).when(admit()).then_nothing()
        given(DECIDER, JOINED).when(admit()).then_nothing()

    def test_owners_alone_keep_one_with_a_role(self) -> None:
        given(DECIDER).when(admit(Role.OWNER)).then_raises("FORBIDDEN")
        given(DECIDER, ADMITTED).when(admit(Role.BUILDER, OWNERS)).then(MemberAdmitted(role=Role.BUILDER))

    def test_others_do_not(self) -> None:
        given(DECIDER).when(admit(roles=MEMBERS)).then_raises("FORBIDDEN")


class TestDoor:
    @pytest.mark.parametrize(
        ("stage", "place", "code"),
        [
            (Stage.DRAFT, None, "BRAND_NOT_OPEN"),
            (Stage.DRAFT, Role.MEMBER, "BRAND_NOT_OPEN"),
            (Stage.DRAFT, Role.MODERATOR, "BRAND_NOT_OPEN"),
            (Stage.DRAFT, Role.BUILDER, None),
            (Stage.BETA, None, "BRAND_NOT_OPEN"),
            (Stage.BETA, Role.MEMBER, None),
            (Stage.OPEN, None, None),
            (Stage.ARCHIVED, Role.OWNER, "BRAND_ARCHIVED"),
        ],
    )
    def test_a_stage_lets_in(self, stage: Stage, place: Role | None, code: str | None) -> None:
        history = [] if place is None else [MemberAdmitted(role=place)]
        outcome = given(DECIDER, *history).when(join_through(stage))
        role = [RoleGranted(role=place)] if place not in (None, Role.MEMBER) else []
        if code:
            outcome.then_raises(code)
        else:
            outcome.then(MemberJoined(identity="i1", display_name="Marie"), *role)

    @pytest.mark.parametrize(("rules", "accepted"), [(3, None), (3, 2), (3, 4), (0, 1)])
    def test_the_current_rules_are_accepted_or_nobody_joins(self, rules: int, accepted: int | None) -> None:
        refused = given(DECIDER).when(join_through(rules=rules, accepted_rules=accepted))
        refused.then_raises("RULES_NOT_ACCEPTED", ("accepted_rules",))

    def test_joining_accepts_them(self) -> None:
        joined = given(DECIDER).when(join_through(rules=3, accepted_rules=3))
        joined.then(MemberJoined(identity="i1", display_name="Marie"), RulesAccepted(edition=3))

    def test_the_platform_passes(self) -> None:
        joined = given(DECIDER).when(join_through(Stage.ARCHIVED, 3, SYSTEM))
        joined.then(MemberJoined(identity="i1", display_name="Marie"))

    def test_who_is_in_already_is_not_asked(self) -> None:
        given(DECIDER, JOINED).when(join_through(Stage.ARCHIVED, 3)).then_nothing()

    def test_a_place_is_for_one_time(self) -> None:
        history = given(DECIDER, ADMITTED, JOINED, MemberLeft())
        history.when(join_through(Stage.BETA)).then_raises("BRAND_NOT_OPEN")

    def test_where_they_come_from_is_kept(self) -> None:
        joined = given(DECIDER).when(join_through(source="fair", referrer="m9"))
        joined.then(MemberJoined(identity="i1", display_name="Marie", source="fair", referrer="m9"))


class TestRules:
    def test_a_member_accepts_a_newer_edition(self) -> None:
        given(DECIDER, JOINED, RulesAccepted(edition=2)).when(accept(3)).then(RulesAccepted(edition=3))
        given(DECIDER, JOINED, RulesAccepted(edition=3)).when(accept(3)).then_nothing()

    def test_nobody_does_it_for_another(self) -> None:
        given(DECIDER, JOINED).when(accept(3, actor="m2")).then_raises("FORBIDDEN")
        given(DECIDER).when(accept(3)).then_raises("NOT_A_MEMBER")


def admit(role: Role = Role.MEMBER, roles: frozenset[str] = BUILDERS) -> AdmitMember:
    return command(AdmitMember, actor="m2", roles=roles, identity="i1", role=role)


def accept(edition: int, actor: str = "m1") -> AcceptRules:
    return command(AcceptRules, actor=actor, edition=edition)


class TestJoin:
    def test_an_identity_joins(self) -> None:
        given(DECIDER).when(join()).then(JOINED)

    def test_the_platform_joins_somebody(self) -> None:
        given(DECIDER).when(join(actor=SYSTEM)).then(JOINED)

    def test_nobody_joins_somebody_else(self) -> None:
        given(DECIDER).when(join(actor="m2")).then_raises("FORBIDDEN")

    def test_joining_twice_changes_nothing(self) -> None:
        given(DECIDER, JOINED).when(join()).then_nothing()

    def test_who_left_joins_again_without_what_they_were(self) -> None:
        history = given(DECIDER, JOINED, ProfileChanged(display_name="M", bio="hello"), BUILDER, MemberLeft())
        history.when(join()).then(JOINED)
        assert given(DECIDER, JOINED, BUILDER, MemberLeft(), JOINED).state == Member(
            known=True, joined=True, display_name="Marie", email="marie@example.org"
        )

    @pytest.mark.parametrize("email", ["", "marie", "a b@example.org", "a@b@c", "x" * 250 + "@a.fr", "a@b\n"])
    def test_an_address_has_its_shape(self, email: str) -> None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**msgspec.to_builtins(join()), "email": email}, JoinBrand)


class TestAddress:
    OTHER = MemberAddressChanged(email="m.curie@example.com")
    NONE = MemberAddressChanged(email=None)

    def test_it_follows_what_the_members_token_proves(self) -> None:
        again = join(email="m.curie@example.com")
        given(DECIDER, JOINED).when(again).then(self.OTHER)
        given(DECIDER, JOINED, self.OTHER).when(again).then_nothing()
        given(DECIDER, JOINED, self.OTHER).when(join()).then(MemberAddressChanged(email="marie@example.org"))
        without = MemberJoined(identity="i1", display_name="Marie")
        given(DECIDER, without).when(again).then(self.OTHER)

    def test_nothing_else_is_taken_over_and_no_door_is_in_the_way(self) -> None:
        again = join_through(Stage.ARCHIVED, 3, email="m.curie@example.com", source="fair", referrer="m9")
        given(DECIDER, JOINED).when(again).then(self.OTHER)

    def test_a_token_without_a_verified_one_takes_none_away(self) -> None:
        given(DECIDER, JOINED, self.OTHER).when(join(email=None)).then_nothing()

    def test_an_import_that_is_run_again_brings_no_old_one_back(self) -> None:
        given(DECIDER, JOINED, self.OTHER).when(join(actor=SYSTEM)).then_nothing()

    def test_nobody_else_changes_it(self) -> None:
        given(DECIDER, JOINED).when(join(actor="m2", email="evil@example.org")).then_raises("FORBIDDEN")
        for actor in ("m1", "m2"):
            given(DECIDER, JOINED).when(say("m.curie@example.com", actor=actor)).then_raises("FORBIDDEN")

    def test_it_follows_a_directory(self) -> None:
        given(DECIDER, JOINED).when(say("m.curie@example.com")).then(self.OTHER)
        given(DECIDER, JOINED, self.OTHER).when(say("m.curie@example.com")).then_nothing()

    def test_a_directory_takes_its_own_back_and_no_other(self) -> None:
        given(DECIDER, JOINED).when(say(None)).then(self.NONE)
        given(DECIDER, JOINED, self.NONE).when(say(None)).then_nothing()
        given(DECIDER, JOINED, self.OTHER).when(say(None)).then_nothing()

    def test_who_left_or_is_being_erased_has_none(self) -> None:
        given(DECIDER, JOINED, MemberLeft()).when(say("m.curie@example.com")).then_nothing()
        given(DECIDER).when(say("m.curie@example.com")).then_nothing()
        assert given(DECIDER, JOINED, self.OTHER, MemberLeft()).state.email is None


def say(email: str | None, before: str | None = "marie@example.org", actor: str = SYSTEM) -> ChangeAddress:
    return command(ChangeAddress, actor=actor, email=email, before=before)


class TestChangeProfile:
    def test_a_member_changes_the_name(self) -> None:
        given(DECIDER, JOINED).when(command(ChangeProfile, display_name="Mimi")).then(
            ProfileChanged(display_name="Mimi", bio="")
        )

    def test_what_is_not_said_stays(self) -> None:
        given(DECIDER, JOINED, ProfileChanged(display_name="Mimi", bio="old")).when(
            command(ChangeProfile, bio="new")
        ).then(ProfileChanged(display_name="Mimi", bio="new"))

    def test_a_bio_can_be_emptied(self) -> None:
        given(DECIDER, JOINED, ProfileChanged(display_name="Mimi", bio="old")).when(
            command(ChangeProfile, bio="")
        ).then(ProfileChanged(display_name="Mimi", bio=""))

    def test_the_same_again_changes_nothing(self) -> None:
        given(DECIDER, JOINED).when(command(ChangeProfile, display_name="Marie", bio="")).then_nothing()

    def test_an_owner_does_not_change_another_profile(self) -> None:
        change = command(ChangeProfile, actor="m2", roles=OWNERS, display_name="Mimi")
        given(DECIDER, JOINED).when(change).then_raises("FORBIDDEN")

    def test_only_members_have_a_profile(self) -> None:
        given(DECIDER, JOINED, MemberLeft()).when(command(ChangeProfile, bio="x")).then_raises(
            "NOT_A_MEMBER", ("member_id",)
        )


class TestRoles:
    def test_an_owner_grants_a_role(self) -> None:
        grant = command(GrantRole, actor="m2", roles=OWNERS, role=Role.BUILDER)
        given(DECIDER, JOINED).when(grant).then(BUILDER)
        given(DECIDER, JOINED, BUILDER).when(grant).then_nothing()

    @pytest.mark.parametrize("roles", [MEMBERS, frozenset({"member", "builder", "moderator"}), frozenset()])
    def test_nobody_else_grants_or_revokes(self, roles: frozenset[str]) -> None:
        given(DECIDER, JOINED).when(command(GrantRole, roles=roles, role=Role.OWNER)).then_raises("FORBIDDEN")
        given(DECIDER, JOINED, BUILDER).when(command(RevokeRole, roles=roles, role=Role.BUILDER)).then_raises(
            "FORBIDDEN"
        )

    def test_every_member_has_the_role_member(self) -> None:
        given(DECIDER, JOINED).when(command(GrantRole, roles=OWNERS, role=Role.MEMBER)).then_nothing()
        given(DECIDER, JOINED).when(command(RevokeRole, roles=OWNERS, role=Role.MEMBER)).then_raises(
            "INVALID", ("role",)
        )

    def test_only_a_member_gets_a_role(self) -> None:
        grant = command(GrantRole, actor="m2", roles=OWNERS, role=Role.BUILDER)
        given(DECIDER).when(grant).then_raises("NOT_A_MEMBER", ("member_id",))

    def test_an_owner_revokes_a_role(self) -> None:
        revoke = command(RevokeRole, actor="m2", roles=OWNERS, role=Role.BUILDER)
        given(DECIDER, JOINED, BUILDER).when(revoke).then(RoleRevoked(role=Role.BUILDER))
        given(DECIDER, JOINED).when(revoke).then_nothing()

    def test_an_owner_revokes_another_owner(self) -> None:
        revoke = command(RevokeRole, actor="m2", roles=OWNERS, role=Role.OWNER)
        given(DECIDER, JOINED, OWNER).when(revoke).then(RoleRevoked(role=Role.OWNER))

    def test_nobody_takes_owner_from_themselves(self) -> None:
        revoke = command(RevokeRole, actor="m1", roles=OWNERS, role=Role.OWNER)
        given(DECIDER, JOINED, OWNER).when(revoke).then_raises("LAST_OWNER", ("role",))


class TestLeave:
    def test_a_member_leaves(self) -> None:
        given(DECIDER, JOINED, BUILDER).when(command(LeaveBrand)).then(MemberLeft())

    def test_the_platform_ends_a_membership(self) -> None:
        given(DECIDER, JOINED).when(command(LeaveBrand, actor=SYSTEM)).then(MemberLeft())

    def test_nobody_sends_a_member_away(self) -> None:
        given(DECIDER, JOINED).when(command(LeaveBrand, actor="m2", roles=OWNERS)).then_raises("FORBIDDEN")

    def test_leaving_twice_changes_nothing(self) -> None:
        given(DECIDER, JOINED, MemberLeft()).when(command(LeaveBrand)).then_nothing()

    def test_an_owner_hands_over_first(self) -> None:
        given(DECIDER, JOINED, OWNER).when(command(LeaveBrand)).then_raises("LAST_OWNER")
        given(DECIDER, JOINED, OWNER, RoleRevoked(role=Role.OWNER)).when(command(LeaveBrand)).then(MemberLeft())


actors = some.sampled_from(["m1", "m2", SYSTEM])
roles = some.sampled_from([frozenset(), MEMBERS, OWNERS])
emails = some.sampled_from([None, "a@example.org", "b@example.org"])
commands: some.SearchStrategy[MemberCommand] = some.one_of(
    some.builds(join, actor=actors, email=emails),
    some.builds(say, emails, emails, actors),
    some.builds(admit, role=some.sampled_from(Role), roles=roles),
    some.builds(accept, some.integers(1, 4), actors),
    some.builds(
        join_through, some.sampled_from(Stage), some.integers(0, 2), actors, accepted_rules=some.integers(1, 2)
    ),
    some.builds(
        command,
        some.just(ChangeProfile),
        actor=actors,
        display_name=some.sampled_from([None, "A", "B"]),
        bio=some.sampled_from([None, "", "x"]),
    ),
    some.builds(command, some.just(GrantRole), actor=actors, roles=roles, role=some.sampled_from(Role)),
    some.builds(command, some.just(RevokeRole), actor=actors, roles=roles, role=some.sampled_from(Role)),
    some.builds(command, some.just(LeaveBrand), actor=actors),
    some.builds(command, some.just(EraseMember), actor=actors, roles=roles),
    some.builds(
        command, some.just(CertifyErasure), actor=actors, key_destroyed_at=some.just(NOW), services=some.just(())
    ),
)


@for_all(some.lists(commands, max_size=30))
def test_any_history_is_sound_and_a_command_repeated_changes_nothing(sent: list[MemberCommand]) -> None:
    state = DECIDER.initial
    for one in sent:
        try:
            events = DECIDER.decide(state, one)
        except DomainError:
            continue
        for event in events:
            state = DECIDER.evolve(state, event)
            assert Role.MEMBER not in state.roles
            kept = Member(known=state.known, place=state.place, erasing=state.erasing)
            assert state.joined or state == kept, "nothing else is kept"
            assert not state.joined or state.display_name
        assert DECIDER.decide(state, one) == []


def test_a_fold_never_refuses() -> None:
    history = given(DECIDER, MemberLeft(), RoleRevoked(role=Role.OWNER), JOINED, JOINED, BUILDER, BUILDER)
    assert history.state.roles == {Role.BUILDER}
