"""For whom an event is: every member, or an audience and who is invited.  Facts and state; the rules: `inviting.py`."""

from typing import ClassVar, assert_never

from msgspec import Struct, structs
from rpds import HashTrieSet

from libs.access.audience import Audience, Viewer
from libs.shared.domain import Event


class EventAudienceChanged(Event, frozen=True, kw_only=True):
    """From now on the event is for this audience and who is invited; None: for every member.

    `invited` are those who are on the guest list because of it: the organiser, and who had asked for a seat.
    """

    wire_name: ClassVar[str] = "event_audience_changed"

    audience: Audience | None
    invited: tuple[str, ...] = ()


class MembersInvited(Event, frozen=True, kw_only=True):
    """These members are on the guest list."""

    wire_name: ClassVar[str] = "members_invited"

    member_ids: tuple[str, ...]


class InvitationsWithdrawn(Event, frozen=True, kw_only=True):
    """These members are no longer on the guest list."""

    wire_name: ClassVar[str] = "invitations_withdrawn"

    member_ids: tuple[str, ...]


GuestListEvent = EventAudienceChanged | MembersInvited | InvitationsWithdrawn


class GuestList(Struct, frozen=True, kw_only=True):
    """Who is let in: everybody without an `audience`, else whoever it admits and who is `invited`."""

    audience: Audience | None = None
    invited: HashTrieSet[str] = HashTrieSet()

    def admits(self, member: str, viewer: Viewer) -> bool:
        """Whether a member is let in, who is this to audiences."""
        return self.audience is None or member in self.invited or self.audience.admits(viewer)

    def after(self, event: GuestListEvent) -> "GuestList":
        """The guest list after one more fact."""
        match event:
            case EventAudienceChanged(audience=audience, invited=kept):
                return structs.replace(self, audience=audience, invited=self.invited.update(kept))
            case MembersInvited(member_ids=members):
                return structs.replace(self, invited=self.invited.update(members))
            case InvitationsWithdrawn(member_ids=members):
                return structs.replace(self, invited=self.invited.difference(HashTrieSet(members)))
            case _:
                assert_never(event)
