"""What a viewer could send about what they are told, and about everything that can be followed: examples, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import Asked, Example, Examples, named
from services.members.notices.follow import Follow, Mute, TargetKind, Unfollow
from services.members.notices.inbox import ReadNotices
from services.members.notices.kinds import Kind
from services.members.notices.preferences import ChooseDigestZone, ChooseNotifications, ProposeDefaults, SwitchMail

_EITHER: Final = (True, False)


async def _brand(asked: Asked) -> list[Example]:
    return named(
        asked.example(ReadNotices),
        *(asked.example(SwitchMail, on=on) for on in _EITHER),
        *(asked.example(ChooseNotifications, kind=Kind.REPLY, inbox=inbox) for inbox in _EITHER),
        *(asked.example(ProposeDefaults, kind=Kind.REPLY, inbox=inbox) for inbox in _EITHER),
        *(asked.example(ChooseDigestZone, time_zone=zone) for zone in ("UTC", "Europe/Paris")),
    )


async def _notification(asked: Asked) -> list[Example]:
    return named(asked.example(ReadNotices, ids=[asked.id]))


def _of(kind: TargetKind) -> Examples:
    async def followed(asked: Asked) -> list[Example]:
        target = {"kind": kind, "target_id": asked.id}
        return named(*(asked.example(command, **target) for command in (Follow, Unfollow, Mute)))

    return followed


#: The examples for each kind of thing; what is followed of a post is its thread.
EXAMPLES: Final[Mapping[str, Examples]] = {
    "brand": _brand,
    "notification": _notification,
    "post": _of(TargetKind.THREAD),
    **{kind.value: _of(kind) for kind in TargetKind if kind is not TargetKind.THREAD},
}
