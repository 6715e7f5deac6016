"""Composes what the members service answers about profiles, and who may ask."""

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from msgspec import structs

from libs.access.authorizer import Authorizer
from libs.access.export import Source
from libs.access.roles import LEADERS, require
from libs.access.scopes import is_account
from libs.shared.app import App, Guards
from libs.shared.commands import CommandHandler
from libs.shared.domain import Command, Query
from services.members.member import ChangeProfile, ChangeProfileBy
from services.members.profiles import form
from services.members.profiles.audience import Viewer
from services.members.profiles.form import Form, ProfileFormCommand, ProfileFormEvent
from services.members.profiles.profile import (
    ChooseAvatar,
    ChooseAvatarBy,
    HideProfileFields,
    HideProfileFieldsBy,
    SetProfileFields,
    SetProfileFieldsBy,
)
from services.members.profiles.views.profiles import (
    FormView,
    MemberByExternalId,
    MemberFound,
    ProfileFormOfBrand,
    ProfilesGetMany,
    ProfilesView,
    ProfileView,
)

Forms: TypeAlias = CommandHandler[Form, ProfileFormCommand, ProfileFormEvent]

#: The commands that are decided by the form of the brand, and what they become with it.
BY_THE_FORM: Final[Mapping[type[Command], Callable[..., Command]]] = {
    ChangeProfile: ChangeProfileBy,
    ChooseAvatar: ChooseAvatarBy,
    SetProfileFields: SetProfileFieldsBy,
    HideProfileFields: HideProfileFieldsBy,
}


class FormGuard:
    """Hands the commands on profiles the brand's form as it is at that moment."""

    def __init__(self, app: App) -> None:
        self.forms: Forms = app.aggregate(form.DECIDER)

    def guards(self) -> Guards:
        """What `App.aggregate` takes."""
        return dict.fromkeys(BY_THE_FORM, self._with_form)

    async def _with_form(self, command: Command) -> Command:
        known = await self.forms.state(command.brand, command.brand, fresh=True)
        return BY_THE_FORM[type(command)](**structs.asdict(command), form=known)


def compose_profiles(app: App, authorizer: Authorizer) -> tuple[ProfilesView, Source]:
    """Answer the queries; returns the view behind them, and what an export takes from it."""
    view = app.view(ProfilesView())

    async def viewer(query: Query) -> Viewer:
        return Viewer(query.viewer, await authorizer.roles(query.brand, query.viewer))

    async def profiles(query: ProfilesGetMany) -> list[ProfileView | None]:
        return await view.profiles_get_many(query, await viewer(query))

    async def form_of_brand(query: ProfileFormOfBrand) -> FormView:
        return await view.profile_form_of_brand(query, await viewer(query))

    async def leaders_and_readers(query: MemberByExternalId) -> None:
        await authorizer.member_only(query)
        if not is_account(query.viewer):
            require(await authorizer.roles(query.brand, query.viewer), LEADERS)

    members = authorizer.member_only
    app.query(ProfilesGetMany, list[ProfileView | None], profiles, view=view, allow=members)
    app.query(ProfileFormOfBrand, FormView, form_of_brand, view=view, allow=members)
    app.query(MemberByExternalId, MemberFound, view.member_by_external_id, view=view, allow=leaders_and_readers)
    return view, Source("profile", view, "profiles", lambda brand, member: {"_id": f"{brand}:{member}"})
