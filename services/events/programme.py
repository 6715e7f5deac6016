"""The programme of an event: its sessions, as stored and as a command takes them."""

from datetime import date
from typing import Annotated

from msgspec import Meta, Struct, structs

from libs.shared.text import Line

_Seconds = Annotated[int, Meta(ge=0, le=604_800)]
_Language = Annotated[str, Meta(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*\Z")]
_WebAddress = Annotated[str, Meta(max_length=2_000, pattern=r"^https?://[^\x00-\x20\x7f-\xa0\"<>\\\ud800-\udfff]+\Z")]


class Session(Struct, frozen=True, kw_only=True):
    """One talk or workshop, and its recording if there is one."""

    title: str
    speakers: tuple[str, ...] = ()
    recorded_on: date | None = None
    duration_seconds: int | None = None
    language: str | None = None
    url: str | None = None


class PlannedSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A session within the limits of today; those of a stored `Session` never tighten.

    `language` is a tag of BCP 47 or a code of ISO 639; `url` is an address of http or https.
    """

    title: Line
    speakers: Annotated[tuple[Line, ...], Meta(max_length=50)] = ()
    recorded_on: date | None = None
    duration_seconds: _Seconds | None = None
    language: _Language | None = None
    url: _WebAddress | None = None

    def as_session(self) -> Session:
        """The same as it is stored."""
        return Session(**structs.asdict(self))
