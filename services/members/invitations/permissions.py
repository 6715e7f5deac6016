"""What a viewer could send about invitations: examples to rehearse, no rules."""

from collections.abc import Mapping
from typing import Final

from libs.access.permissions import NEW, Asked, Example, Examples, named
from services.members.invitations.invitation import InviteMember, ResendInvitation, RevokeInvitation

#: Of whom is invited already, another one is not.
_ADDRESSES: Final = (f"{NEW}@example.org", f"{NEW}er@example.org")


async def _brand(asked: Asked) -> list[Example]:
    invite = [asked.example(InviteMember, address=address) for address in _ADDRESSES]
    # A list is invited as each of it is.
    return [*named(*invite), *(Example("invite_members", one) for one in invite)]


async def _invitation(asked: Asked) -> list[Example]:
    one = {"invitation_id": asked.id}
    return named(asked.example(ResendInvitation, **one), asked.example(RevokeInvitation, **one))


#: The examples for each kind of thing.
EXAMPLES: Final[Mapping[str, Examples]] = {"brand": _brand, "invitation": _invitation}
