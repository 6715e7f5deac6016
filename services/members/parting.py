"""The end of a membership, whoever ends it, and what ends with it."""

from libs.shared.domain import DomainError
from services.members.consents.consent import all_withdrawn
from services.members.member import Member, MemberEvent, MemberLeft


def parting(state: Member, freeing: str | None) -> list[MemberEvent]:
    """Consents end with it, and the external id is freed by the claim that comes along.  Raises CONFLICT."""
    if freeing != state.profile.external_token:
        raise DomainError("CONFLICT", "the external id was changed at the same time; try again")
    return [*all_withdrawn(state.consents), MemberLeft()]
