"""Which roles a command is decided with, and whether its brand takes it: asked of whoever knows the brand."""

from collections.abc import Awaitable, Callable, Collection

from libs.shared.domain import SYSTEM, Command, Forbidden

#: The roles of a member in a brand: (brand, member) → roles.  Raises `Forbidden`, or is empty, for who is no member.
RolesOf = Callable[[str, str], Awaitable[frozenset[str]]]

#: Whether the brand takes a command from somebody with these roles (none for a command that is open to all): raises
#: `DomainError` when it does not, whatever the command's own rules say.
Admit = Callable[[Command, frozenset[str]], Awaitable[None]]


class Authority:
    """How roles are found and commands admitted; `all_roles` are those of SYSTEM, who is always admitted."""

    def __init__(self, roles_of: RolesOf, all_roles: Collection[str], admit: Admit | None = None) -> None:
        self.roles_of = roles_of
        self.all_roles = frozenset(all_roles)
        self.admit = admit


async def find_roles(authority: Authority | None, command: Command, *, open_to_all: bool) -> frozenset[str]:
    """The roles to decide a command with, whatever the command itself says.

    Raises Forbidden for who is no member, and what the brand refuses everybody.  A command that is open to all is
    decided without roles, and nobody needs to be asked for them.
    """
    if command.actor == SYSTEM:
        return authority.all_roles if authority else frozenset()
    roles = frozenset[str]()
    if not open_to_all:
        roles = await authority.roles_of(command.brand, command.actor) if authority else roles
        if not roles:
            raise Forbidden("only members of the brand may do this")
    if authority and authority.admit:
        await authority.admit(command, roles)
    return roles
