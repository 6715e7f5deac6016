"""The directory that provisions a brand: how its people are recognised, and which name they begin with."""

from enum import StrEnum
from typing import ClassVar

from msgspec import Struct

from libs.access.roles import Role, require
from libs.shared.domain import Command, Decider, Event, Id, NotFound


class SubjectSource(StrEnum):
    """The attribute that holds what the OIDC issuer says in `sub`."""

    EXTERNAL_ID = "external_id"
    USER_NAME = "user_name"


class ShownName(StrEnum):
    """The attribute that a new member's display name comes from; members change theirs as they like."""

    NICK_NAME = "nick_name"
    DISPLAY_NAME = "display_name"


# Events


class DirectoryConfigured(Event, frozen=True, kw_only=True):
    """From now on new people are recognised and named like this."""

    wire_name: ClassVar[str] = "directory_configured"

    subject: SubjectSource
    shown_name: ShownName


# State


class Directory(Struct, frozen=True, kw_only=True):
    """How it is.  A directory's `displayName` mostly is the legal name, so nobody is called by it unasked."""

    subject: SubjectSource = SubjectSource.EXTERNAL_ID
    shown_name: ShownName = ShownName.NICK_NAME


def evolve(_state: Directory, event: DirectoryConfigured) -> Directory:
    """The directory after `event`."""
    return Directory(subject=event.subject, shown_name=event.shown_name)


# Commands


class ConfigureDirectory(Command, frozen=True, kw_only=True):
    """Say how new people are recognised and named.  Owners only.  Who is provisioned already stays who they are."""

    wire_name: ClassVar[str] = "configure_directory"

    brand_id: Id
    subject: SubjectSource
    shown_name: ShownName


# Decisions


def decide(state: Directory, command: ConfigureDirectory) -> list[DirectoryConfigured]:
    """The fact that `command` makes true.  Raises FORBIDDEN, NOT_FOUND."""
    require(command.roles, Role.OWNER)
    if command.brand_id != command.brand:
        raise NotFound("this is another brand's", ("brand_id",))
    if (state.subject, state.shown_name) == (command.subject, command.shown_name):
        return []
    return [DirectoryConfigured(subject=command.subject, shown_name=command.shown_name)]


DECIDER: Decider[Directory, ConfigureDirectory, DirectoryConfigured] = Decider(
    aggregate="directory",
    initial=Directory(),
    decide=decide,
    evolve=evolve,
    identify=lambda command: command.brand_id,
    commands=(ConfigureDirectory,),
    events=(DirectoryConfigured,),
)
