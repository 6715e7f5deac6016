"""Inviting a list of people: one call for up to a hundred, each of whom is a command of their own."""

import asyncio
import functools
from typing import Any, Final

import strawberry
from strawberry import ID

from libs.executor.with_strawberry import Answers, batch
from libs.shared.domain import DomainError, Invalid
from services.gateway import consistency, ids
from services.gateway.context import Context, Done, Info, Scope
from services.gateway.limits import MAIL_COST
from services.gateway.loaders import INVITATIONS
from services.gateway.schema.common import INTERNAL, CommandId, Payload, Refusal, command, optional, refusal_of
from services.gateway.schema.invitations import Invitation
from services.gateway.schema.roles import Role

#: The most contacts of one call, and how many are invited at the same time.
MAX_CONTACTS: Final = 100
_AT_ONCE: Final = 16


@strawberry.input
class ContactInput:
    """Somebody of a list."""

    address: str = strawberry.field(description="Their e-mail address.")
    name: str | None = strawberry.field(default=None, description="How the mail calls them.")
    role: Role | None = strawberry.field(default=None, description="Their role, in place of the list's.")
    language: str | None = strawberry.field(default=None, description="Their language, in place of the list's.")


@strawberry.input
class InviteMembersInput:
    """People to invite."""

    brand_id: ID
    contacts: list[ContactInput] = strawberry.field(description=f"1–{MAX_CONTACTS} of them.")
    role: Role = strawberry.field(default=Role.MEMBER, description="The role that accepting gives; owners only.")
    language: str | None = strawberry.field(
        default=None, description="The language of the mails, BCP 47; the brand's own when nothing is said."
    )
    message: str | None = strawberry.field(default=None, description="Words of one's own, at most 1,000 characters.")
    valid_days: int | None = strawberry.field(default=None, description="How long they hold, 1–90 days; 14 by itself.")
    command_id: CommandId = None


@strawberry.type(description="What came of one contact of a list.")
class ContactOutcome:
    """A contact and its invitation, or why there is none."""

    done: strawberry.Private[Done | None]
    number: int = strawberry.field(description="The contact's place in the list, from 1.")
    invited: bool = strawberry.field(
        description="Whether this call invited them; false for who was invited already, and when it was refused."
    )
    errors: list[Refusal] = strawberry.field(description="Why it was refused; empty when it was carried out.")

    @batch
    @staticmethod
    async def invitation(those: list["ContactOutcome"]) -> Answers[Invitation | None]:
        """The invitation that the contact has now; null when refused."""
        asked = ((one.done.scope, one.done.id) if one.done is not None else None for one in those)
        return await INVITATIONS.objects(asked, Invitation.of)


@strawberry.type
class InviteMembersPayload(Payload):
    """What came of each contact."""

    results: list[ContactOutcome] | None = strawberry.field(
        default=None, description="What came of each contact, in their order; null when the whole list was refused."
    )


@strawberry.type
class InvitingManyMutation:
    """Invitations of many."""

    @command
    async def invite_members(self, info: Info, input: InviteMembersInput) -> InviteMembersPayload:  # noqa: A002
        """Invite a list of people by e-mail, as inviteMember does each.  Each costs what inviteMember costs.

        One who cannot be invited holds up no other.  What all are refused with is in `errors`, what one is refused
        with in its result.  The same list again invites nobody twice.
        """
        if not 1 <= len(input.contacts) <= MAX_CONTACTS:
            raise Invalid(f"1–{MAX_CONTACTS} contacts in one call", ("contacts",))
        brand = ids.expect(input.brand_id, "brandId", "Brand").key
        context = info.context
        context.inside(brand)
        if len(input.contacts) > 1:
            context.pay((len(input.contacts) - 1) * MAIL_COST)
        outcomes = await _invite(context, brand, input)
        if (refusal := _shared(outcomes)) is not None:
            raise refusal
        position = functools.reduce(
            consistency.latest, (one.position for one in outcomes if isinstance(one, Done)), context.at_least
        )
        scope = context.inside(brand, position)
        return InviteMembersPayload(
            done=Done(brand, scope, position),
            results=[_outcome(number, one, scope) for number, one in enumerate(outcomes, 1)],
        )


async def _invite(context: Context, brand: str, given: InviteMembersInput) -> list[Done | DomainError]:
    """What came of each contact; raises what nobody foresaw once all were tried."""
    turns = asyncio.Semaphore(_AT_ONCE)
    shared = optional(message=given.message, valid_days=given.valid_days)

    async def one(number: int, contact: ContactInput) -> Done:
        about: dict[str, Any] = optional(name=contact.name, language=contact.language or given.language)
        command_id = None if given.command_id is None else f"{given.command_id} {number}"
        async with turns:
            return await context.act(
                brand,
                "members.invitation.invite_member",
                command_id,
                address=contact.address,
                role=(contact.role or given.role).value,
                **shared,
                **about,
            )

    tried = (one(number, contact) for number, contact in enumerate(given.contacts, 1))
    outcomes: list[Done | DomainError] = []
    for outcome in await asyncio.gather(*tried, return_exceptions=True):
        if isinstance(outcome, Done) or (isinstance(outcome, DomainError) and outcome.code != INTERNAL):
            outcomes.append(outcome)
        else:
            raise outcome
    return outcomes


def _shared(outcomes: list[Done | DomainError]) -> DomainError | None:
    """What every contact was refused with, if it is about none of their fields."""
    refusals = [one for one in outcomes if isinstance(one, DomainError)]
    if len(refusals) < len(outcomes) or len({one.code for one in refusals}) > 1 or any(one.path for one in refusals):
        return None
    return refusals[0]


def _outcome(number: int, outcome: Done | DomainError, scope: Scope) -> ContactOutcome:
    if isinstance(outcome, DomainError):
        return ContactOutcome(done=None, number=number, invited=False, errors=[refusal_of(outcome)])
    done = Done(outcome.id, scope, outcome.position, outcome.repeated)
    return ContactOutcome(done=done, number=number, invited=not outcome.repeated, errors=[])
