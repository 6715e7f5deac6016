"""Following, reading one's notifications, and saying how one wants to be told."""

from datetime import datetime

import strawberry
from strawberry import ID

from services.gateway import ids
from services.gateway.context import Done, Info
from services.gateway.schema.common import CommandId, Payload, command, field
from services.gateway.schema.followable import TARGETS
from services.gateway.schema.notifications import (
    NotificationChoices,
    NotificationDefaults,
    NotificationKind,
    NotificationMail,
    Thing,
    Wanted,
    load_choices,
    load_defaults,
    load_things,
)


@strawberry.type
class FollowPayload(Payload):
    """What is followed now, or is not."""

    kind: strawberry.Private[str] = ""
    key: strawberry.Private[str] = ""

    @field
    async def target(self) -> Thing | None:
        """The thing, with `viewerFollows` as changed; null when refused, or when the sender may not see it any more."""
        if self.done is None:
            return None
        (found,) = await load_things([Wanted(self.done.scope, self.kind, self.key)])
        if isinstance(found, Exception):
            raise found
        return found


@strawberry.type
class ReadNotificationsPayload(Payload):
    """The inbox after reading."""

    @field
    async def unread_count(self) -> int | None:
        """How many notifications are still unread; null when refused."""
        return await self.done.scope.ask("members", "unread_notices", int) if self.done else None


@strawberry.type
class NotificationChoicesPayload(Payload):
    """How the sender is told now."""

    @field
    async def choices(self) -> NotificationChoices | None:
        """All of it, as changed; null when refused."""
        return await load_choices(self.done.scope) if self.done else None


@strawberry.type
class NotificationDefaultsPayload(Payload):
    """How members are told now who said nothing."""

    @field
    async def defaults(self) -> NotificationDefaults | None:
        """All of it, as changed; null when refused."""
        return await load_defaults(self.done.scope) if self.done else None


@strawberry.input
class FollowInput:
    """A thing that can be followed."""

    target_id: ID = strawberry.field(description="A post (its thread), space, tag, member, event, board or idea.")
    command_id: CommandId = None


@strawberry.input
class ReadNotificationsInput:
    """Which notifications were read: some, or all, as far as they had come."""

    brand_id: ID
    notification_ids: list[ID] | None = strawberry.field(
        default=None, description="At most 100; nothing for all that are unread."
    )
    until: datetime | None = strawberry.field(
        default=None,
        description="`happenedAt` of the newest one that was seen: what happened later stays unread.  Without it: now.",
    )
    command_id: CommandId = None


@strawberry.input
class ChooseNotificationsInput:
    """How the sender wants to be told of a kind."""

    brand_id: ID
    kind: NotificationKind
    inbox: bool | None = strawberry.field(
        default=None, description="Whether it comes into the inbox; null: as the brand."
    )
    mail: NotificationMail | None = strawberry.field(default=None, description="When e-mail comes; null: as the brand.")
    command_id: CommandId = None


@strawberry.input
class SwitchNotificationMailInput:
    """All e-mail of notifications and digests."""

    brand_id: ID
    on: bool = strawberry.field(description="False: none at all.  True: as chosen for each kind.")
    command_id: CommandId = None


@strawberry.input
class ProposeNotificationDefaultsInput:
    """How members are to be told of a kind who said nothing themselves."""

    brand_id: ID
    kind: NotificationKind
    inbox: bool | None = strawberry.field(
        default=None, description="Whether it comes into the inbox; null: as it comes."
    )
    mail: NotificationMail | None = strawberry.field(default=None, description="When e-mail comes; null: as it comes.")
    command_id: CommandId = None


@strawberry.input
class ChooseDigestTimeZoneInput:
    """By which clock digests come to members who chose no time zone themselves."""

    brand_id: ID
    time_zone: str = strawberry.field(description="IANA.")
    command_id: CommandId = None


@strawberry.type
class NotificationMutation:
    """Commands on notifications."""

    @command
    async def follow(self, info: Info, input: FollowInput) -> FollowPayload:  # noqa: A002
        """Be told of what happens to a thing.  Members only."""
        return await _follow(info, "follow", input)

    @command
    async def unfollow(self, info: Info, input: FollowInput) -> FollowPayload:  # noqa: A002
        """Follow a thing no more, or mute it no more; also what one takes part in.  Members only."""
        return await _follow(info, "unfollow", input)

    @command
    async def mute(self, info: Info, input: FollowInput) -> FollowPayload:  # noqa: A002
        """Hear nothing of a thing, whatever else one follows.  Members only."""
        return await _follow(info, "mute", input)

    @command
    async def read_notifications(self, info: Info, input: ReadNotificationsInput) -> ReadNotificationsPayload:  # noqa: A002
        """Mark notifications of the sender as read."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        named = input.notification_ids
        keys = (
            None
            if named is None
            else [ids.expect(one, "notificationIds", "Notification", brand=brand).key for one in named]
        )
        to = "members.inbox.read_notices"
        done = await info.context.act(brand, to, input.command_id, ids=keys, until=input.until)
        return ReadNotificationsPayload(done=done)

    @command
    async def choose_notifications(
        self,
        info: Info,
        input: ChooseNotificationsInput,  # noqa: A002
    ) -> NotificationChoicesPayload:
        """Say how one wants to be told of a kind.  Members only."""
        to = "members.notification_choices.choose_notifications"
        return NotificationChoicesPayload(done=await _say(info, to, input))

    @command
    async def switch_notification_mail(
        self,
        info: Info,
        input: SwitchNotificationMailInput,  # noqa: A002
    ) -> NotificationChoicesPayload:
        """Get no e-mail of notifications and no digests at all, or get them again as chosen.  Members only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        to = "members.notification_choices.switch_mail"
        return NotificationChoicesPayload(done=await info.context.act(brand, to, input.command_id, on=input.on))

    @command
    async def propose_notification_defaults(
        self,
        info: Info,
        input: ProposeNotificationDefaultsInput,  # noqa: A002
    ) -> NotificationDefaultsPayload:
        """Say how members are told of a kind who said nothing themselves.  Owners and builders only."""
        to = "members.notification_defaults.propose_defaults"
        return NotificationDefaultsPayload(done=await _say(info, to, input))

    @command
    async def choose_digest_time_zone(
        self,
        info: Info,
        input: ChooseDigestTimeZoneInput,  # noqa: A002
    ) -> NotificationDefaultsPayload:
        """Say by which clock digests come to members who chose no time zone.  Owners and builders only."""
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        to = "members.notification_defaults.choose_digest_zone"
        done = await info.context.act(brand, to, input.command_id, time_zone=input.time_zone)
        return NotificationDefaultsPayload(done=done)


async def _follow(info: Info, name: str, given: FollowInput) -> FollowPayload:
    target = ids.expect(given.target_id, "targetId", *TARGETS)
    done = await info.context.act(
        target.brand,
        f"members.follow.{name}",
        given.command_id,
        kind=TARGETS[target.type],
        target_id=target.key,
    )
    return FollowPayload(done=done, kind=target.type, key=target.key)


async def _say(info: Info, to: str, given: ChooseNotificationsInput | ProposeNotificationDefaultsInput) -> Done:
    return await info.context.act(
        ids.expect(given.brand_id, "brandId", "Brand").key,
        to,
        given.command_id,
        kind=given.kind.value,
        inbox=given.inbox,
        mail=given.mail and given.mail.value,
    )
