"""The specification of a profile form."""

import msgspec
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as some
from msgspec import structs

from libs.access.roles import Role
from libs.shared.domain import DomainError
from libs.shared.testing.bdd import given
from services.members.profiles.audience import EVERYONE, ONESELF, Audience, BuiltIn, Reach
from services.members.profiles.fields import Choice, FieldType
from services.members.profiles.form import (
    DECIDER,
    MAX_FIELDS,
    ChooseFieldAudience,
    DefineProfileField,
    FieldAudienceChosen,
    OrderProfileFields,
    ProfileFieldDefined,
    ProfileFieldRestored,
    ProfileFieldRetired,
    ProfileFieldsOrdered,
    ProfileFormCommand,
    ProfileFormEvent,
    RestoreProfileField,
    RetireProfileField,
)
from services.members.profiles.tests.builders import MEMBERS, field, labels, leading

COMPANY, TOWN = ProfileFieldDefined(field=field()), ProfileFieldDefined(field=field("town"))
RETIRED = ProfileFieldRetired(key="company")


def test_a_field_is_defined_once_and_anew() -> None:
    given(DECIDER).when(leading(DefineProfileField, field=field())).then(COMPANY)
    given(DECIDER, COMPANY).when(leading(DefineProfileField, field=field())).then_nothing()
    other = structs.replace(field(), labels=labels("Employer"), required=True)
    history = given(DECIDER, COMPANY, TOWN)
    history.when(leading(DefineProfileField, field=other)).then(ProfileFieldDefined(field=other))
    after = given(DECIDER, COMPANY, TOWN, ProfileFieldDefined(field=other)).state
    assert list(after.fields) == ["company", "town"], "in its place"
    assert after.required == {"company"}


def test_the_type_of_a_field_is_for_good() -> None:
    changed = leading(DefineProfileField, field=field(kind=FieldType.NUMBER))
    given(DECIDER, COMPANY).when(changed).then_raises("FIELD_TYPE_FIXED", ("field", "type"))
    given(DECIDER, COMPANY, RETIRED).when(changed).then_raises("FIELD_TYPE_FIXED")


@pytest.mark.parametrize("key", ["bio", "email", "avatar", "time-zone", "language", "name", "external-id"])
def test_words_that_every_profile_has_are_no_keys(key: str) -> None:
    given(DECIDER).when(leading(DefineProfileField, field=field(key))).then_raises("KEY_RESERVED", ("field", "key"))


def test_a_form_stays_small_enough_for_one_document() -> None:
    """Each profile is shown by the whole form: one brand's must not be what the views of all brands fail at."""
    many = [Choice(key=f"choice-{number}", labels=labels("x" * 200)) for number in range(100)]
    sets = [field(f"set-{number}", FieldType.CHOICE, choices=many) for number in range(100)]
    fit = [
        ProfileFieldDefined(field=one)
        for one in sets
        if len(msgspec.json.encode(sets[: sets.index(one) + 1])) < 195_000
    ]
    assert 3 < len(fit) < 20
    history: list[ProfileFormEvent] = [*fit, *(ProfileFieldRetired(key=one.field.key) for one in fit)]
    given(DECIDER, *history).when(leading(DefineProfileField, field=sets[len(fit)])).then_raises(
        "FORM_TOO_LARGE", ("field",)
    )
    smaller = structs.replace(fit[0].field, choices=many[:1])
    given(DECIDER, *history).when(leading(DefineProfileField, field=smaller)).then(ProfileFieldDefined(field=smaller))


def test_a_field_is_retired_and_comes_back() -> None:
    retire, restore = leading(RetireProfileField, key="company"), leading(RestoreProfileField, key="company")
    given(DECIDER, COMPANY).when(retire).then(RETIRED)
    given(DECIDER, COMPANY, RETIRED).when(retire).then_nothing()
    given(DECIDER, COMPANY).when(restore).then_nothing()
    given(DECIDER, COMPANY, RETIRED).when(restore).then(ProfileFieldRestored(key="company"))
    given(DECIDER).when(retire).then_raises("NOT_FOUND", ("key",))
    given(DECIDER).when(restore).then_raises("NOT_FOUND", ("key",))
    assert given(DECIDER, COMPANY, TOWN, RETIRED).state.in_use == [TOWN.field]


def test_an_order_names_every_field_in_use_once() -> None:
    history = given(DECIDER, COMPANY, TOWN, ProfileFieldDefined(field=field("old")), ProfileFieldRetired(key="old"))
    history.when(leading(OrderProfileFields, keys=["town", "company"])).then(
        ProfileFieldsOrdered(keys=["town", "company", "old"])
    )
    history.when(leading(OrderProfileFields, keys=["company", "town"])).then_nothing()
    for keys in (["town"], ["town", "town"], ["town", "company", "old"], ["town", "company", "other"]):
        history.when(leading(OrderProfileFields, keys=keys)).then_raises("INVALID", ("keys",))


def test_who_sees_a_built_in_field() -> None:
    hide = leading(ChooseFieldAudience, field=BuiltIn.BIO, audience=ONESELF)
    given(DECIDER).when(hide).then(FieldAudienceChosen(field=BuiltIn.BIO, audience=ONESELF))
    same = leading(ChooseFieldAudience, field=BuiltIn.BIO, audience=EVERYONE)
    given(DECIDER).when(same).then_nothing()
    roles = Audience(reach=Reach.ROLES, roles=[Role.OWNER, Role.BUILDER, Role.OWNER])
    kept = Audience(reach=Reach.ROLES, roles=[Role.BUILDER, Role.OWNER])
    given(DECIDER).when(leading(ChooseFieldAudience, field=BuiltIn.EMAIL, audience=roles)).then(
        FieldAudienceChosen(field=BuiltIn.EMAIL, audience=kept)
    )


@pytest.mark.parametrize("audience", [Audience(reach=Reach.ROLES), Audience(reach=Reach.EVERYONE, roles=[Role.OWNER])])
def test_roles_are_named_when_and_only_when_a_field_is_for_roles(audience: Audience) -> None:
    chosen = leading(ChooseFieldAudience, field=BuiltIn.BIO, audience=audience)
    given(DECIDER).when(chosen).then_raises("INVALID", ("audience", "roles"))
    defined = leading(DefineProfileField, field=field(audience=audience))
    given(DECIDER).when(defined).then_raises("INVALID", ("field", "audience", "roles"))


def test_so_many_fields_are_in_use_at_a_time() -> None:
    full = [ProfileFieldDefined(field=field(f"f{number}")) for number in range(MAX_FIELDS)]
    one_more = leading(DefineProfileField, field=field())
    given(DECIDER, *full).when(one_more).then_raises("TOO_MANY_FIELDS")
    gone = ProfileFieldRetired(key="f0")
    given(DECIDER, *full, gone).when(one_more).then(COMPANY)
    restored = leading(RestoreProfileField, key="f0")
    given(DECIDER, *full, gone, COMPANY).when(restored).then_raises("TOO_MANY_FIELDS")


COMMANDS: list[ProfileFormCommand] = [
    leading(DefineProfileField, field=field()),
    leading(DefineProfileField, field=field("town", required=True)),
    leading(RetireProfileField, key="company"),
    leading(RestoreProfileField, key="company"),
    leading(OrderProfileFields, keys=["town", "company"]),
    leading(ChooseFieldAudience, field=BuiltIn.EMAIL, audience=EVERYONE),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.wire_name)
def test_leaders_of_the_brand_alone(command: ProfileFormCommand) -> None:
    given(DECIDER, COMPANY).when(structs.replace(command, roles=MEMBERS)).then_raises("FORBIDDEN")
    given(DECIDER, COMPANY).when(structs.replace(command, brand_id="b2")).then_raises("NOT_FOUND", ("brand_id",))


@for_all(some.lists(some.sampled_from(COMMANDS), max_size=12))
def test_a_repeat_changes_nothing_and_the_order_holds_every_field(commands: list[ProfileFormCommand]) -> None:
    state = DECIDER.initial
    for command in commands:
        try:
            for event in DECIDER.decide(state, command):
                state = DECIDER.evolve(state, event)
            assert DECIDER.decide(state, command) == []
        except DomainError:
            continue
        assert state.retired <= set(state.fields)
        assert all(key == one.key for key, one in state.fields.items())
