"""Which roles a command is decided with: those of its actor in its brand, by whoever knows the brand's members."""

from collections.abc import Awaitable, Callable, Collection

from libs.shared.domain import SYSTEM, Command, Forbidden

#: The roles of a member in a brand: (brand, member) → roles.  Raises `Forbidden`, or is empty, for who is no member.
RolesOf = Callable[[str, str], Awaitable[frozenset[str]]]


class Authority:
    """How roles are found; `all_roles` are those of SYSTEM."""

    def __init__(self, roles_of: RolesOf, all_roles: Collection[str]) -> None:
        self.roles_of = roles_of
        self.all_roles = frozenset(all_roles)


async def find_roles(authority: Authority | None, command: Command, *, open_to_all: bool) -> frozenset[str]:
    """The roles to decide a command with, whatever the command itself says; raises Forbidden for who is no member.

    A command that is open to all is decided without roles, and nobody needs to be asked.
    """
    if command.actor == SYSTEM:
        return authority.all_roles if authority else frozenset()
    if open_to_all:
        return frozenset()
    roles = await authority.roles_of(command.brand, command.actor) if authority else frozenset[str]()
    if not roles:
        raise Forbidden("only members of the brand may do this")
    return roles
