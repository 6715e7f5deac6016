"""Who may follow what, and how members and brands say how they want to be told."""

from datetime import UTC, datetime
from typing import Any, TypeVar

import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from libs.access.roles import Role
from libs.shared.domain import SYSTEM, Command
from libs.shared.testing.bdd import given
from services.members.notices import follow
from services.members.notices.follow import (
    Follow,
    Mute,
    TargetFollowed,
    TargetKind,
    TargetMuted,
    TargetUnfollowed,
    Unfollow,
)
from services.members.notices.kinds import QUIET, Choice, Choices, Kind, Mail, Word
from services.members.notices.preferences import (
    CHOICES,
    DEFAULTS,
    ChooseDigestZone,
    ChooseNotifications,
    DefaultsProposed,
    DigestZoneChosen,
    MailResumed,
    MailStopped,
    NotificationsChosen,
    ProposeDefaults,
    SwitchMail,
)

C = TypeVar("C", bound=Command)
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MEMBER = frozenset({Role.MEMBER.value})
OWNER = MEMBER | {Role.OWNER.value}
SPACE: dict[str, Any] = {"kind": TargetKind.SPACE, "target_id": "s1"}


def command(kind: type[C], /, *, actor: str = "m1", roles: frozenset[str] = MEMBER, **fields: Any) -> C:
    return kind(command_id="c1", brand="b1", actor=actor, now=NOW, roles=roles, **fields)


class TestFollow:
    def test_a_member_follows_leaves_and_mutes(self) -> None:
        followed, left, muted = TargetFollowed(**SPACE), TargetUnfollowed(**SPACE), TargetMuted(**SPACE)
        given(follow.DECIDER).when(command(Follow, **SPACE)).then(followed)
        given(follow.DECIDER, followed).when(command(Unfollow, **SPACE)).then(left)
        given(follow.DECIDER, followed).when(command(Mute, **SPACE)).then(muted)

    def test_a_repeat_is_said_again_and_counts_once_in_the_view(self) -> None:
        followed = TargetFollowed(**SPACE)
        given(follow.DECIDER, followed).when(command(Follow, **SPACE)).then(followed)

    @pytest.mark.parametrize("kind", [Follow, Unfollow, Mute])
    def test_neither_strangers_nor_the_platform_follow(self, kind: type[follow.FollowCommand]) -> None:
        given(follow.DECIDER).when(command(kind, roles=frozenset(), **SPACE)).then_raises("FORBIDDEN")
        given(follow.DECIDER).when(command(kind, actor=SYSTEM, **SPACE)).then_raises("FORBIDDEN")

    def test_nobody_follows_themselves(self) -> None:
        oneself: dict[str, Any] = {"kind": TargetKind.MEMBER, "target_id": "m1"}
        given(follow.DECIDER).when(command(Follow, **oneself)).then_raises("FORBIDDEN", ("target_id",))
        given(follow.DECIDER).when(command(Follow, **SPACE | {"target_id": "m1"})).then(
            TargetFollowed(kind=TargetKind.SPACE, target_id="m1")
        )

    def test_the_set_is_the_members_own(self) -> None:
        assert follow.DECIDER.identify(command(Follow, actor="m7", **SPACE)) == "m7"


class TestChoices:
    def test_a_member_chooses_and_leaves_it_to_the_brand_again(self) -> None:
        chosen = NotificationsChosen(kind=Kind.REPLY, mail=Mail.OFF)
        given(CHOICES).when(command(ChooseNotifications, kind=Kind.REPLY, mail=Mail.OFF)).then(chosen)
        given(CHOICES, chosen).when(command(ChooseNotifications, kind=Kind.REPLY, mail=Mail.OFF)).then_nothing()
        given(CHOICES, chosen).when(command(ChooseNotifications, kind=Kind.REPLY)).then(
            NotificationsChosen(kind=Kind.REPLY)
        )

    def test_to_leave_to_the_brand_what_was_never_said_changes_nothing(self) -> None:
        given(CHOICES).when(command(ChooseNotifications, kind=Kind.REPLY)).then_nothing()

    def test_all_mail_stops_and_comes_again(self) -> None:
        given(CHOICES).when(command(SwitchMail, on=False)).then(MailStopped())
        given(CHOICES, MailStopped()).when(command(SwitchMail, on=False)).then_nothing()
        given(CHOICES, MailStopped()).when(command(SwitchMail, on=True)).then(MailResumed())
        given(CHOICES).when(command(SwitchMail, on=True)).then_nothing()

    def test_strangers_choose_nothing(self) -> None:
        for one in (command(SwitchMail, on=False, roles=frozenset()), command(ChooseNotifications, kind=Kind.REPLY)):
            stranger = type(one)(**{**_fields(one), "roles": frozenset()})
            given(CHOICES).when(stranger).then_raises("FORBIDDEN")
        given(CHOICES).when(command(SwitchMail, on=False, actor=SYSTEM)).then_raises("FORBIDDEN")

    def test_leaders_propose(self) -> None:
        proposed = DefaultsProposed(kind=Kind.REACTION, inbox=False)
        propose: dict[str, Any] = {"kind": Kind.REACTION, "inbox": False}
        given(DEFAULTS).when(command(ProposeDefaults, roles=OWNER, **propose)).then(proposed)
        given(DEFAULTS, proposed).when(command(ProposeDefaults, roles=OWNER, **propose)).then_nothing()
        given(DEFAULTS).when(command(ProposeDefaults, **propose)).then_raises("FORBIDDEN")

    def test_leaders_choose_the_clock_of_digests(self) -> None:
        chosen = DigestZoneChosen(time_zone="Europe/Paris")
        paris = command(ChooseDigestZone, roles=OWNER, time_zone="Europe/Paris")
        given(DEFAULTS).when(paris).then(chosen)
        given(DEFAULTS, chosen).when(paris).then_nothing()
        given(DEFAULTS).when(command(ChooseDigestZone, time_zone="Europe/Paris")).then_raises("FORBIDDEN")
        mars = command(ChooseDigestZone, roles=OWNER, time_zone="Mars/Olympus")
        given(DEFAULTS).when(mars).then_raises("INVALID", ("time_zone",))


def _fields(one: Command) -> dict[str, Any]:
    return {name: getattr(one, name) for name in one.__struct_fields__}


words = st.builds(Word, inbox=st.none() | st.booleans(), mail=st.none() | st.sampled_from(Mail))
said = st.dictionaries(st.sampled_from([kind.value for kind in Kind]), words)


class TestWhatHolds:
    @hypothesis_given(own=said, brand=said, kind=st.sampled_from(Kind))
    def test_the_members_word_goes_before_the_brands_before_the_quiet_default(
        self, own: dict[str, Word], brand: dict[str, Word], kind: Kind
    ) -> None:
        holds = Choices(own=own, brand=brand).of(kind)
        mine, proposed = own.get(kind, Word()), brand.get(kind, Word())
        inboxes = [word.inbox for word in (mine, proposed) if word.inbox is not None]
        mails = [word.mail for word in (mine, proposed) if word.mail is not None]
        assert holds.inbox == [*inboxes, QUIET[kind].inbox][0]
        assert holds.mail == [*mails, QUIET[kind].mail][0]

    @hypothesis_given(own=said, brand=said, kind=st.sampled_from(Kind))
    def test_who_opted_out_gets_no_mail_whatever_was_said(
        self, own: dict[str, Word], brand: dict[str, Word], kind: Kind
    ) -> None:
        holds = Choices(own=own, brand=brand, mail_off=True).of(kind)
        assert holds == Choice(inbox=Choices(own=own, brand=brand).of(kind).inbox, mail=Mail.OFF)

    def test_every_kind_has_a_default_and_what_is_noisy_makes_no_mail_of_its_own(self) -> None:
        assert set(QUIET) == set(Kind)
        at_once = {kind for kind, choice in QUIET.items() if choice.mail is Mail.NOW}
        assert at_once == {Kind.EVENT_INVITATION, Kind.RSVP_PROMOTED, Kind.EVENT_CANCELLED}
        assert QUIET[Kind.REACTION].mail is Mail.OFF
