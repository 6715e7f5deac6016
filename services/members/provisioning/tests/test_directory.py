"""The specification of a directory's settings."""

from typing import Any

from libs.shared.testing.bdd import given
from services.members.provisioning.directory import (
    DECIDER,
    ConfigureDirectory,
    DirectoryConfigured,
    ShownName,
    SubjectSource,
)
from services.members.provisioning.tests.builders import envelope

BY_NAME = DirectoryConfigured(subject=SubjectSource.USER_NAME, shown_name=ShownName.DISPLAY_NAME)


def configure(subject: SubjectSource, shown_name: ShownName, **changes: Any) -> ConfigureDirectory:
    owner = {"actor": "olga", "roles": frozenset({"member", "owner"})}
    return ConfigureDirectory(
        **envelope(**{"brand_id": "b1", "subject": subject, "shown_name": shown_name, **owner, **changes})
    )


def test_owners_say_how_it_is_read() -> None:
    command = configure(SubjectSource.USER_NAME, ShownName.DISPLAY_NAME)
    given(DECIDER).when(command).then(BY_NAME)
    given(DECIDER, BY_NAME).when(command).then_nothing()


def test_nobody_is_called_by_their_legal_name_unasked() -> None:
    given(DECIDER).when(configure(SubjectSource.EXTERNAL_ID, ShownName.NICK_NAME)).then_nothing()


def test_nobody_else_says_it_and_not_of_another_brand() -> None:
    for roles in ({"builder", "member"}, {"provisioner"}):
        command = configure(SubjectSource.USER_NAME, ShownName.NICK_NAME, roles=frozenset(roles))
        given(DECIDER).when(command).then_raises("FORBIDDEN")
    foreign = configure(SubjectSource.USER_NAME, ShownName.NICK_NAME, brand_id="b2")
    given(DECIDER).when(foreign).then_raises("NOT_FOUND", ("brand_id",))
