"""The specification of a member's profile."""

from typing import Any

import pytest

from libs.shared.domain import ERASED, SYSTEM
from libs.shared.testing.bdd import given
from services.members.consents.consent import ConsentGiven, ConsentWithdrawn
from services.members.member import (
    ChangeProfileBy,
    EraseMember,
    EraseMemberFreeing,
    LeaveBrand,
    LeaveBrandFreeing,
    MemberErasureRequested,
    MemberLeft,
    ProfileChanged,
)
from services.members.member_decisions import DECIDER
from services.members.profiles.fields import FieldType
from services.members.profiles.form import Form
from services.members.profiles.profile import (
    AvatarChosen,
    ChooseAvatarBy,
    ChooseMemberLocale,
    ExternalIdAssigned,
    ExternalIdFreed,
    FieldValue,
    HideProfileFieldsBy,
    MemberLocaleChosen,
    MoveExternalId,
    Profile,
    ProfileCompleted,
    ProfileFieldsHidden,
    ProfileFieldsSet,
    SetProfileFieldsBy,
)
from services.members.profiles.tests.builders import BUILDERS, JOINED, field, form, own

FORM = form(field(required=True), field("size", FieldType.NUMBER), field("old"), retired=("old",))
AVATAR = AvatarChosen(url="https://example.org/m.png", alt="Marie at sea")
BIO = ProfileChanged(display_name="Marie", bio="Sails")
ACME = ProfileFieldsSet(values='{"company":"Acme"}', edition=3)
CRM = ExternalIdAssigned(external_id="crm-7", token="t7")


def fields(*, form: Form = FORM, actor: str = "m1", **values: Any) -> SetProfileFieldsBy:
    given_ = [FieldValue(key=key, value=value) for key, value in values.items()]
    return own(SetProfileFieldsBy, actor=actor, values=given_, form=form)


def avatar(url: str | None = AVATAR.url, alt: str | None = AVATAR.alt, form: Form = FORM) -> ChooseAvatarBy:
    return own(ChooseAvatarBy, url=url, alt=alt, form=form)


class TestFields:
    def test_values_are_set_changed_and_taken_away(self) -> None:
        given(DECIDER, JOINED).when(fields(company="Acme")).then(ACME)
        given(DECIDER, JOINED, ACME).when(fields(company="Acme")).then_nothing()
        given(DECIDER, JOINED, ACME).when(fields(company=" Acme ", size=3.0)).then(
            ProfileFieldsSet(values='{"size":3.0}', edition=3)
        )
        size = ProfileFieldsSet(values='{"size":3.0}', edition=3)
        given(DECIDER, JOINED, size).when(fields(size=None)).then(ProfileFieldsSet(values='{"size":null}', edition=3))
        given(DECIDER, JOINED).when(fields(size=None)).then_nothing()

    @pytest.mark.parametrize(
        ("values", "code"),
        [
            ({"town": "Brest"}, "FIELD_UNKNOWN"),
            ({"old": "x"}, "FIELD_RETIRED"),
            ({"company": None}, "FIELD_REQUIRED"),
            ({"size": "many"}, "FIELD_WRONG_TYPE"),
        ],
    )
    def test_a_refusal_names_the_field(self, values: dict[str, Any], code: str) -> None:
        [key] = values
        given(DECIDER, JOINED, ACME).when(fields(**values)).then_raises(code, ("values", key))

    def test_all_or_nothing(self) -> None:
        given(DECIDER, JOINED).when(fields(company="Acme", town="Brest")).then_raises("FIELD_UNKNOWN")
        twice = own(SetProfileFieldsBy, values=[FieldValue(key="size", value=1.0)] * 2, form=FORM)
        given(DECIDER, JOINED).when(twice).then_raises("INVALID", ("values",))

    def test_a_value_that_a_narrower_definition_would_refuse_stays(self) -> None:
        narrow = form(field(kind=FieldType.NUMBER))
        assert given(DECIDER, JOINED, ACME).state.profile.values == {"company": "Acme"}
        given(DECIDER, JOINED, ACME).when(fields(company="Acme", form=narrow)).then_raises("FIELD_WRONG_TYPE")

    def test_the_member_alone_and_the_platform(self) -> None:
        given(DECIDER, JOINED).when(fields(company="Acme", actor="m2")).then_raises("FORBIDDEN")
        given(DECIDER, JOINED).when(fields(company="Acme", actor=SYSTEM)).then(ACME)
        given(DECIDER).when(fields(company="Acme")).then_raises("NOT_A_MEMBER")

    def test_of_who_was_erased_nothing_is_read(self) -> None:
        erased = ProfileFieldsSet(values=ERASED, edition=1)
        state = given(DECIDER, JOINED, erased, AvatarChosen(url=None, alt=None)).state
        assert state.profile == Profile()


class TestAvatar:
    def test_a_picture_with_its_words(self) -> None:
        given(DECIDER, JOINED).when(avatar()).then(AVATAR)
        given(DECIDER, JOINED, AVATAR).when(avatar("HTTPS://EXAMPLE.org/m.png")).then_nothing()
        given(DECIDER, JOINED, AVATAR).when(avatar(None, None)).then(AvatarChosen(url=None, alt=None))
        given(DECIDER, JOINED).when(avatar(None, None)).then_nothing()

    def test_without_words_or_of_no_public_host_it_is_refused(self) -> None:
        given(DECIDER, JOINED).when(avatar(alt=None)).then_raises("INVALID", ("alt",))
        given(DECIDER, JOINED).when(avatar("https://localhost/m.png")).then_raises("INVALID", ("url",))


class TestCompleteness:
    def test_the_change_that_completes_a_profile_says_so(self) -> None:
        done = ProfileCompleted(edition=3)
        given(DECIDER, JOINED, AVATAR, ACME).when(own(ChangeProfileBy, bio="Sails", form=FORM)).then(BIO, done)
        given(DECIDER, JOINED, BIO, ACME).when(avatar()).then(AVATAR, done)
        given(DECIDER, JOINED, BIO, AVATAR).when(fields(company="Acme")).then(ACME, done)
        given(DECIDER, JOINED, BIO).when(fields(company="Acme")).then(ACME)

    def test_once_until_it_was_incomplete(self) -> None:
        complete = (JOINED, BIO, AVATAR, ACME, ProfileCompleted(edition=3))
        size = ProfileFieldsSet(values='{"size":3.0}', edition=3)
        given(DECIDER, *complete).when(fields(size=3.0)).then(size)
        asks_more = form(field(required=True), field("size", FieldType.NUMBER, required=True))
        again = ProfileFieldsSet(values='{"size":3.0}', edition=2)
        given(DECIDER, *complete).when(fields(size=3.0, form=asks_more)).then(again, ProfileCompleted(edition=2))

    def test_a_form_that_asks_for_less_completes_with_the_next_change(self) -> None:
        less = form(field(), field("size", FieldType.NUMBER))
        size = ProfileFieldsSet(values='{"size":3.0}', edition=2)
        given(DECIDER, JOINED, BIO, AVATAR).when(fields(size=3.0, form=less)).then(size, ProfileCompleted(edition=2))

    def test_a_blank_bio_is_none(self) -> None:
        given(DECIDER, JOINED, AVATAR, ACME).when(own(ChangeProfileBy, bio=" \n", form=FORM)).then(
            ProfileChanged(display_name="Marie", bio=" \n")
        )


class TestHiding:
    def test_any_field_of_the_form_and_the_built_in_ones(self) -> None:
        hide = own(HideProfileFieldsBy, fields=["size", "email", "bio", "size", "old"], form=FORM)
        hidden = ProfileFieldsHidden(fields=["bio", "email", "old", "size"])
        given(DECIDER, JOINED).when(hide).then(hidden)
        given(DECIDER, JOINED, hidden).when(hide).then_nothing()
        none = own(HideProfileFieldsBy, fields=[], form=FORM)
        given(DECIDER, JOINED, hidden).when(none).then(ProfileFieldsHidden(fields=[]))
        given(DECIDER, JOINED).when(none).then_nothing()

    @pytest.mark.parametrize("key", ["town", "display-name", "external-id"])
    def test_nothing_else(self, key: str) -> None:
        hide = own(HideProfileFieldsBy, fields=[key], form=FORM)
        given(DECIDER, JOINED).when(hide).then_raises("FIELD_UNKNOWN", ("fields", key))


class TestLocale:
    def test_a_zone_and_a_language(self) -> None:
        chosen = MemberLocaleChosen(time_zone="Europe/Paris", language="fr-CA")
        choose = own(ChooseMemberLocale, time_zone="Europe/Paris", language="fr-CA")
        given(DECIDER, JOINED).when(choose).then(chosen)
        given(DECIDER, JOINED, chosen).when(choose).then_nothing()
        back = own(ChooseMemberLocale)
        given(DECIDER, JOINED, chosen).when(back).then(MemberLocaleChosen(time_zone=None, language=None))
        given(DECIDER, JOINED).when(back).then_nothing()

    @pytest.mark.parametrize(
        ("chosen", "path"), [({"time_zone": "Mars/Olympus"}, "time_zone"), ({"language": "qq"}, "language")]
    )
    def test_that_exist(self, chosen: dict[str, Any], path: str) -> None:
        given(DECIDER, JOINED).when(own(ChooseMemberLocale, **chosen)).then_raises("INVALID", (path,))


def move(external_id: str | None, token: str | None, before: str | None, **more: Any) -> MoveExternalId:
    given_ = {"actor": "m2", "roles": BUILDERS, **more}
    return own(MoveExternalId, external_id=external_id, token=token, before=before, **given_)


class TestExternalId:
    def test_is_assigned_changed_and_freed(self) -> None:
        given(DECIDER, JOINED).when(move("crm-7", "t7", None)).then(CRM)
        given(DECIDER, JOINED, CRM).when(move("crm-7", "t7", "t7")).then_nothing()
        given(DECIDER, JOINED, CRM).when(move("crm-8", "t8", "t7")).then(
            ExternalIdAssigned(external_id="crm-8", token="t8")
        )
        given(DECIDER, JOINED, CRM).when(move(None, None, "t7")).then(ExternalIdFreed(token="t7"))
        given(DECIDER, JOINED).when(move(None, None, None)).then_nothing()

    def test_by_leaders_of_members(self) -> None:
        given(DECIDER, JOINED).when(move("crm-7", "t7", None, actor="m1", roles=frozenset({"member"}))).then_raises(
            "FORBIDDEN"
        )
        given(DECIDER).when(move("crm-7", "t7", None)).then_raises("NOT_A_MEMBER")

    def test_the_claims_that_come_along_were_chosen_for_what_is_there(self) -> None:
        given(DECIDER, JOINED, CRM).when(move("crm-8", "t8", None)).then_raises("CONFLICT")
        given(DECIDER, JOINED, CRM).when(own(LeaveBrand)).then_raises("CONFLICT")
        given(DECIDER, JOINED, CRM).when(own(LeaveBrandFreeing, freeing="t8")).then_raises("CONFLICT")
        given(DECIDER, JOINED, CRM).when(own(LeaveBrandFreeing, freeing="t7")).then(MemberLeft())
        given(DECIDER, JOINED, CRM).when(own(EraseMember)).then_raises("CONFLICT")
        given(DECIDER, JOINED, CRM).when(own(EraseMemberFreeing, freeing="t7")).then(
            MemberLeft(), MemberErasureRequested()
        )


def test_leaving_takes_the_whole_profile_and_the_consents() -> None:
    history = (JOINED, BIO, AVATAR, ACME, ConsentGiven(purpose="photos", edition=1))
    given(DECIDER, *history).when(own(LeaveBrand)).then(ConsentWithdrawn(purpose="photos", edition=1), MemberLeft())
    state = given(DECIDER, *history, MemberLeft(), JOINED).state
    assert (state.profile, state.bio, state.consents) == (Profile(), "", {})
