"""What do the members of a brand show of themselves, and to whom?"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Final

import msgspec
from msgspec import Meta, Struct
from pymongo import ASCENDING, DeleteOne, IndexModel, ReplaceOne, UpdateOne

from libs.access.erasure import ErasureRecorded
from libs.access.roles import LEADERS
from libs.access.scopes import is_account
from libs.shared.domain import SYSTEM, Id, NotFound, Query
from libs.shared.projection import Change, View, Write
from libs.shared.recorded import Recorded
from libs.shared.text import Line
from services.members import brand, home, member, member_decisions
from services.members.brand import BrandCreated
from services.members.home import LocaleChosen
from services.members.member import MemberAddressChanged, MemberJoined, MemberLeft, ProfileChanged
from services.members.profiles import form, profile
from services.members.profiles.audience import DEFAULT_AUDIENCES, Audience, BuiltIn, Viewer
from services.members.profiles.completeness import percent
from services.members.profiles.fields import FieldDefinition, Value, decode_values
from services.members.profiles.form import (
    FieldAudienceChosen,
    ProfileFieldDefined,
    ProfileFieldRestored,
    ProfileFieldRetired,
    ProfileFieldsOrdered,
)
from services.members.profiles.profile import (
    AvatarChosen,
    ExternalIdAssigned,
    ExternalIdFreed,
    MemberLocaleChosen,
    ProfileFieldsHidden,
    ProfileFieldsSet,
)

#: Where nobody chose a time zone, and where a brand has no language.
DEFAULT_TIME_ZONE: Final = "UTC"
DEFAULT_LANGUAGE: Final = "en"


class Avatar(Struct, frozen=True, kw_only=True):
    """A picture by its address, and what it shows in words."""

    url: str
    alt: str


class FieldShown(Struct, frozen=True, kw_only=True):
    """A field of a profile with its value; `hidden` says that the member hides it."""

    field: FieldDefinition
    value: Value | None
    hidden: bool


class ProfileView(Struct, frozen=True, kw_only=True):
    """A profile as its viewer may see it: what is not for them is as if it were not there.

    `completeness` in percent and `hidden`, the fields that the member hides, are for the member alone; who also sees
    the fields in use that have no value yet.  `language` and `time_zone` are what holds: the brand's language and UTC
    where the member chose nothing.
    """

    id: str
    bio: str
    avatar: Avatar | None
    email: str | None
    time_zone: str | None
    language: str | None
    external_id: str | None
    fields: list[FieldShown]
    completeness: int | None
    hidden: list[str] | None


class FormField(Struct, frozen=True, kw_only=True):
    """A field of a form; `retired` ones are for leaders to see."""

    field: FieldDefinition
    retired: bool


class FieldRule(Struct, frozen=True, kw_only=True):
    """Who may see a built-in field."""

    field: BuiltIn
    audience: Audience


class FormView(Struct, frozen=True, kw_only=True):
    """The profile form of a brand, in its order."""

    edition: int
    fields: list[FormField]
    rules: list[FieldRule]


class MemberFound(Struct, frozen=True, kw_only=True):
    """The member that has an external id."""

    member_id: str


class ProfilesGetMany(Query, frozen=True, kw_only=True):
    """Profiles of members, in the order of `ids`; None for who is not in the brand (any more)."""

    wire_name: ClassVar[str] = "profiles_get_many"

    ids: Annotated[list[Id], Meta(max_length=100)]


class ProfileFormOfBrand(Query, frozen=True, kw_only=True):
    """The form of a brand."""

    wire_name: ClassVar[str] = "profile_form_of_brand"


class MemberByExternalId(Query, frozen=True, kw_only=True):
    """The member with an external id.  Owners, builders, service accounts that may read members.  NOT_FOUND."""

    wire_name: ClassVar[str] = "member_by_external_id"

    external_id: Line


class ProfilesView(View):
    """`profiles`: a document a member who is in a brand, `_id` brand:member.  `forms`: a document a brand."""

    name = "profiles"
    version = 1
    stream = "MEMBERS"
    events = (
        *member_decisions.DECIDER.events,
        *form.DECIDER.events,
        *brand.DECIDER.events,
        *home.DECIDER.events,
        ErasureRecorded,
    )
    upcasters: ClassVar[Any] = {**member.UPCASTERS, **brand.UPCASTERS}
    subjects = (
        "evt.members.*.member.>",
        "evt.members.*.profile_form.>",
        "evt.members.*.brand.>",
        "evt.members.*.home.>",
        "evt.members.*.erasure.>",
    )
    collections: ClassVar[Mapping[str, Sequence[IndexModel]]] = {
        "profiles": (IndexModel([("brand", ASCENDING), ("external_id", ASCENDING)]),),
        "forms": (),
    }

    def project(self, recorded: Recorded[Any]) -> Iterable[Change]:
        """The writes that one event makes."""
        who = {"_id": f"{recorded.brand}:{recorded.aggregate_id}"}
        match recorded.event:
            case MemberJoined() as event:
                yield Write("profiles", ReplaceOne(who, {**who, **_empty(recorded, event)}, upsert=True))
            case MemberLeft() | ErasureRecorded():
                yield Write("profiles", DeleteOne(who))
            case ProfileChanged() as event:
                yield Write("profiles", UpdateOne(who, {"$set": {"bio": event.bio}}))
            case MemberAddressChanged() as event:
                yield Write("profiles", UpdateOne(who, {"$set": {"email": event.email}}))
            case event if isinstance(event, profile.ProfileEvent):
                if change := _profile_change(event):
                    yield Write("profiles", UpdateOne(who, change))
            case event if change := _form_change(event):
                yield Write("forms", UpdateOne({"_id": recorded.brand}, change, upsert=True))

    async def profiles_get_many(self, query: ProfilesGetMany, viewer: Viewer) -> list[ProfileView | None]:
        """The profiles of `ids`, in that order, as `viewer` may see them."""
        form_ = await self._form(query.brand)
        keys = [f"{query.brand}:{id_}" for id_ in query.ids]
        found = {
            document["_id"]: _shown(document, form_, viewer)
            async for document in self.collection("profiles").find({"_id": {"$in": keys}})
        }
        return [found.get(key) for key in keys]

    async def profile_form_of_brand(self, query: ProfileFormOfBrand, viewer: Viewer) -> FormView:
        """The form; a brand that defined nothing has one without fields of its own."""
        form_ = await self._form(query.brand)
        return FormView(
            edition=form_.edition,
            fields=[
                FormField(field=field, retired=key in form_.retired)
                for key, field in form_.fields.items()
                if key not in form_.retired or not LEADERS.isdisjoint(viewer.roles)
            ],
            rules=[FieldRule(field=field, audience=form_.audience(field)) for field in BuiltIn],
        )

    async def member_by_external_id(self, query: MemberByExternalId) -> MemberFound:
        """Who has the id.  Raises NOT_FOUND."""
        where = {"brand": query.brand, "external_id": query.external_id}
        document = await self.collection("profiles").find_one(where, {"member": 1})
        if document is None:
            raise NotFound("no member of this brand has this external id", ("external_id",))
        return MemberFound(member_id=document["member"])

    # What segments ask

    async def told_to_leaders(
        self, brand_id: str, members: Collection[str], keys: Collection[str]
    ) -> dict[str, dict[str, Value]]:
        """What members say in fields of the form, by member and key, as far as everybody who leads the brand sees it.

        So there is nothing of fields that are retired or for fewer, and of those that a member hides.
        """
        form_ = await self._form(brand_id)
        seen = {field.key for field in form_.in_use if field.key in keys and field.audience.admits_leaders}
        where = {"_id": {"$in": [f"{brand_id}:{id_}" for id_ in members]}}
        found = self.collection("profiles").find(where, ["member", "hidden", *(f"values.{key}" for key in seen)])
        return {
            document["member"]: {
                key: value for key, value in document.get("values", {}).items() if key not in document["hidden"]
            }
            async for document in found
        }

    async def with_value(self, brand_id: str, key: str) -> list[str]:
        """Who says anything in a field, hidden or not."""
        found = self.collection("profiles").find({"brand": brand_id, f"values.{key}": {"$exists": True}}, {"member": 1})
        return [document["member"] async for document in found]

    async def _form(self, brand_id: str) -> "_Form":
        document = await self.collection("forms").find_one({"_id": brand_id}) or {}
        kept = {key: msgspec.convert(field, FieldDefinition) for key, field in document.get("fields", {}).items()}
        return _Form(
            edition=document.get("edition", 0),
            fields={key: kept[key] for key in document.get("order", ())},
            retired=frozenset(document.get("retired", ())),
            audiences={
                field: msgspec.convert(audience, Audience) for field, audience in document.get("audiences", {}).items()
            },
            language=document.get("locale", DEFAULT_LANGUAGE),
        )


class _Form(form.Form, frozen=True, kw_only=True):
    """A form with the language that its brand speaks."""

    language: str

    def audience(self, field: BuiltIn) -> Audience:
        return self.audiences.get(field.value, DEFAULT_AUDIENCES[field])


def _empty(recorded: Recorded[Any], event: MemberJoined) -> dict[str, Any]:
    return {
        "brand": recorded.brand,
        "member": recorded.aggregate_id,
        "bio": "",
        "avatar": None,
        "email": event.email,
        "time_zone": None,
        "language": None,
        "values": {},
        "hidden": [],
    }


def _profile_change(event: profile.ProfileEvent) -> dict[str, Any]:
    match event:
        case AvatarChosen():
            return {"$set": {"avatar": None if event.url is None else {"url": event.url, "alt": event.alt or ""}}}
        case ProfileFieldsSet():
            values = decode_values(event.values)
            given = {f"values.{key}": value for key, value in values.items() if value is not None}
            taken = {f"values.{key}": "" for key, value in values.items() if value is None}
            return {name: part for name, part in (("$set", given), ("$unset", taken)) if part}
        case ProfileFieldsHidden():
            return {"$set": {"hidden": event.fields}}
        case MemberLocaleChosen():
            return {"$set": {"time_zone": event.time_zone, "language": event.language}}
        case ExternalIdAssigned():
            return {"$set": {"external_id": event.external_id}}
        case ExternalIdFreed():
            return {"$unset": {"external_id": ""}}
        case _:  # that a profile is complete is told by the form of the moment
            return {}


def _form_change(event: object) -> dict[str, Any]:
    match event:
        case BrandCreated() | LocaleChosen():
            return {"$set": {"locale": event.locale}}
        case ProfileFieldDefined(field=field):
            kept = msgspec.to_builtins(field)
            return {"$inc": {"edition": 1}, "$set": {f"fields.{field.key}": kept}, "$addToSet": {"order": field.key}}
        case ProfileFieldRetired():
            return {"$inc": {"edition": 1}, "$addToSet": {"retired": event.key}}
        case ProfileFieldRestored():
            return {"$inc": {"edition": 1}, "$pull": {"retired": event.key}}
        case ProfileFieldsOrdered():
            return {"$inc": {"edition": 1}, "$set": {"order": event.keys}}
        case FieldAudienceChosen():
            kept = msgspec.to_builtins(event.audience)
            return {"$inc": {"edition": 1}, "$set": {f"audiences.{event.field.value}": kept}}
        case _:
            return {}


def _shown(document: Mapping[str, Any], form_: _Form, viewer: Viewer) -> ProfileView:
    member_id, values, avatar = document["member"], document["values"], document["avatar"]
    hidden = frozenset(document["hidden"])
    own = viewer.id in (member_id, SYSTEM)

    def seen(field: BuiltIn) -> bool:
        return viewer.sees(field, form_.audience(field), member_id, hidden)

    return ProfileView(
        id=member_id,
        bio=document["bio"] if seen(BuiltIn.BIO) else "",
        avatar=Avatar(**avatar) if avatar and seen(BuiltIn.AVATAR) else None,
        email=document["email"] if seen(BuiltIn.EMAIL) else None,
        time_zone=(document["time_zone"] or DEFAULT_TIME_ZONE) if seen(BuiltIn.TIME_ZONE) else None,
        language=(document["language"] or form_.language) if seen(BuiltIn.LANGUAGE) else None,
        external_id=document.get("external_id") if own or _reads_external_ids(viewer) else None,
        fields=[
            FieldShown(field=field, value=values.get(field.key), hidden=field.key in hidden)
            for field in form_.in_use
            if (own or field.key in values) and viewer.sees(field.key, field.audience, member_id, hidden)
        ],
        completeness=percent(bio=document["bio"], avatar=avatar is not None, values=values, required=form_.required)
        if own
        else None,
        hidden=sorted(hidden) if own else None,
    )


def _reads_external_ids(viewer: Viewer) -> bool:
    """Whether an external id is for them: leaders, and programs, which have asked as ones that may read members."""
    return is_account(viewer.id) or not LEADERS.isdisjoint(viewer.roles)
