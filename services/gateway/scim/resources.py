"""The resources that the SCIM door serves (RFC 7643): of the core schemas what a community keeps, and no more.

What a directory sends beyond that is accepted and dropped, so that attribute mappings need not be cut down first.
"""

from typing import Annotated, Any, ClassVar, Final, Generic, NamedTuple

from pydantic import Field
from scim2_models import (
    URN,
    AnyExtension,
    AuthenticationScheme,
    Bulk,
    CaseExact,
    ChangePassword,
    ComplexAttribute,
    ETag,
    Extension,
    External,
    Filter,
    Mutability,
    Name,
    Patch,
    Reference,
    Required,
    Resource,
    ResourceType,
    Returned,
    ScimPolicy,
    ScimProvider,
    ServiceProviderConfig,
    Sort,
    Uniqueness,
)

#: The most resources of one answer.
MAX_RESULTS: Final = 200

#: How requests are read.  Entra asks for three deviations: it removes by a value, adds to what a path does not find,
#: and maps attributes that nobody keeps here.
POLICY: Final = ScimPolicy(
    unknown=ScimPolicy.Unknown.ignore,
    remove_value_as_filter=ScimPolicy.RemoveValue.apply,
    unmatched_path_filter=ScimPolicy.UnmatchedPathFilter.create,
)


class Email(ComplexAttribute):
    """An e-mail address; what one looks like is the service's to say."""

    value: str | None = None
    """The address."""

    display: str | None = None
    """How people call it."""

    type: str | None = None
    """What it is for: 'work', 'home' or 'other'."""

    primary: bool | None = None
    """Whether it is the one to write to."""


class UserGroup(ComplexAttribute):
    """A group that a user is in."""

    value: Annotated[str | None, Mutability.read_only, CaseExact.true] = None
    """The group's id."""

    ref: Annotated[Reference["Group"] | None, Mutability.read_only] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The group's address."""

    display: Annotated[str | None, Mutability.read_only] = None
    """The group's name."""

    type: Annotated[str | None, Mutability.read_only] = None
    """Always 'direct'."""


class EnterpriseUser(Extension):
    """Enterprise User"""

    __schema__ = URN("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User")

    employee_number: str | None = None
    """What the organisation numbers the person by."""

    cost_center: str | None = None
    """The cost center's name."""

    organization: str | None = None
    """The organisation's name."""

    division: str | None = None
    """The division's name."""

    department: str | None = None
    """The department's name."""


class User(Resource[AnyExtension], Generic[AnyExtension]):
    """User Account"""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:User")

    user_name: Annotated[str | None, Uniqueness.server, Required.true] = None
    """What the directory calls the person; unique in the brand, without regard to case."""

    name: Name | None = None
    """The person's legal name; no other member sees it."""

    Name: ClassVar[type[ComplexAttribute]] = Name

    display_name: str | None = None
    """The name that the directory displays."""

    nick_name: str | None = None
    """How to address the person in real life; new members are called by it."""

    title: str | None = None
    """Such as 'Vice President'."""

    user_type: str | None = None
    """What the person is to the organisation, such as 'Contractor'."""

    preferred_language: str | None = None
    """The language that the person prefers."""

    locale: str | None = None
    """Where the person is, for the format of numbers and dates."""

    timezone: str | None = None
    """The person's time zone, as 'Europe/Paris'."""

    active: Annotated[bool | None, Required.true] = None
    """Whether the person is to have access.  Who is brought without it is."""

    emails: list[Email] | None = None
    """Addresses of the person; no other member sees them."""

    Emails: ClassVar[type[ComplexAttribute]] = Email

    groups: Annotated[list[UserGroup] | None, Mutability.read_only, Returned.request] = None
    """The groups that the person is in, when they are asked for."""

    Groups: ClassVar[type[ComplexAttribute]] = UserGroup


class UserByExternalId(User[AnyExtension], Generic[AnyExtension]):
    """User Account"""

    external_id: Annotated[str | None, Uniqueness.server, Required.true, Mutability.immutable, CaseExact.true] = None
    """What the OIDC issuer says in `sub` when the person signs in: it makes them the member that they are."""


class UserByUserName(User[AnyExtension], Generic[AnyExtension]):
    """User Account"""

    user_name: Annotated[str | None, Uniqueness.server, Required.true, Mutability.immutable] = None
    """What the OIDC issuer says in `sub` when the person signs in: it makes them the member that they are."""


# The name of a class is the name of its schema.
UserByExternalId.__name__ = UserByUserName.__name__ = "User"


class GroupMember(ComplexAttribute):
    """A user in a group."""

    value: Annotated[str | None, Mutability.immutable, CaseExact.true] = None
    """The user's id."""

    ref: Annotated[Reference["User"] | None, Mutability.immutable] = Field(  # type: ignore[type-arg]
        None, serialization_alias="$ref", validation_alias="$ref"
    )
    """The user's address."""

    type: Annotated[str | None, Mutability.immutable] = Field(None, examples=["User"])
    """Always 'User': groups do not hold groups."""

    display: Annotated[str | None, Mutability.read_only] = None
    """Not given."""


class Group(Resource[AnyExtension], Generic[AnyExtension]):
    """Group"""

    __schema__ = URN("urn:ietf:params:scim:schemas:core:2.0:Group")

    display_name: Annotated[str | None, Required.true] = None
    """What people call the group."""

    members: list[GroupMember] | None = None
    """The users in it."""

    Members: ClassVar[type[ComplexAttribute]] = GroupMember


class Served(NamedTuple):
    """What a brand serves: `subject` is the attribute of a `user` that people are recognised by."""

    provider: ScimProvider
    user: Any
    subject: str

    def subject_of(self, row: Any) -> str | None:
        """That attribute of a user as the service knows them."""
        value: str | None = row.user_name if self.subject == "userName" else row.external_id
        return value


def _served(kind: Any, subject: str) -> Served:
    user = kind[EnterpriseUser]
    provider = ScimProvider(
        models=(kind, EnterpriseUser, Group),
        resource_types=(ResourceType.from_resource(user), ResourceType.from_resource(Group)),
        config=ServiceProviderConfig(
            patch=Patch(supported=True),
            bulk=Bulk(supported=False, max_operations=0, max_payload_size=0),
            filter=Filter(supported=True, max_results=MAX_RESULTS),
            change_password=ChangePassword(supported=False),
            sort=Sort(supported=False),
            etag=ETag(supported=True),
            authentication_schemes=[
                AuthenticationScheme(
                    type=AuthenticationScheme.Type.oauthbearertoken,
                    name="API key",
                    description="A key of a service account with the scope members:provision, as a bearer token.",
                    spec_uri=Reference[External]("https://www.rfc-editor.org/info/rfc6750"),
                    primary=True,
                )
            ],
        ),
        policy=POLICY,
    )
    return Served(provider, user, subject)


#: By what the members service calls the attribute.
SERVED: Final = {
    "external_id": _served(UserByExternalId, "externalId"),
    "user_name": _served(UserByUserName, "userName"),
}
