"""What a directory says of a person beside who they are: kept for it as it was said, never shown to other members.

The attributes are those of a SCIM User and its enterprise extension (RFC 7643, sections 4.1 and 4.3) that a community
can have a use for; telephone numbers, postal addresses and the like are not taken.  Pure.
"""

from typing import Annotated, Final
from unicodedata import normalize

import msgspec
from msgspec import Meta, Struct

_NO_CONTROLS: Final = r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]"

#: One attribute: a line of at most 256 characters, as Entra and Okta cut theirs.
Attribute = Annotated[str, Meta(max_length=256, pattern=rf"^{_NO_CONTROLS}*\Z")]

#: What identifies a person in a directory or by an OIDC issuer (OpenID Connect Core, section 2: 255 characters).
Key = Annotated[str, Meta(min_length=1, max_length=255, pattern=rf"^(?=.*\S){_NO_CONTROLS}+\Z")]

#: An e-mail address, by its outer shape only; at most 254 characters (RFC 5321, section 4.5.3.1.3).
Address = Annotated[str, Meta(max_length=254, pattern=r"^[^@\s\x00-\x1f\x7f]+@[^@\s\x00-\x1f\x7f]+\Z")]


class PersonName(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The legal name."""

    formatted: Attribute | None = None
    family_name: Attribute | None = None
    given_name: Attribute | None = None
    middle_name: Attribute | None = None
    honorific_prefix: Attribute | None = None
    honorific_suffix: Attribute | None = None


class EmailAddress(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An e-mail address; `type` is mostly work, home or other."""

    value: Address | None = None
    display: Attribute | None = None
    type: Attribute | None = None
    primary: bool | None = None


class Work(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The enterprise extension."""

    employee_number: Attribute | None = None
    cost_center: Attribute | None = None
    organization: Attribute | None = None
    division: Attribute | None = None
    department: Attribute | None = None


class Profile(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The attributes, by SCIM's names."""

    name: PersonName | None = None
    display_name: Attribute | None = None
    nick_name: Attribute | None = None
    title: Attribute | None = None
    user_type: Attribute | None = None
    preferred_language: Attribute | None = None
    locale: Attribute | None = None
    timezone: Attribute | None = None
    emails: Annotated[list[EmailAddress], Meta(max_length=20)] = []
    work: Work | None = None

    @property
    def email(self) -> str | None:
        """The address to write to: the primary one, else the first."""
        addresses = [email for email in self.emails if email.value]
        chosen = next((email for email in addresses if email.primary), addresses[0] if addresses else None)
        return chosen.value if chosen else None


def to_text(profile: Profile) -> str:
    """The profile as one text, which is how the log keeps it: encrypted as a whole."""
    return msgspec.json.encode(profile).decode()


def from_text(text: str) -> Profile:
    """The profile that `to_text` wrote; an empty one when the person was erased."""
    try:
        return msgspec.json.decode(text, type=Profile)
    except msgspec.MsgspecError:
        return Profile()


def folded(text: str) -> str:
    """A text as it is compared where case does not count: as `scim2_models.default_comparison_key` does."""
    return normalize("NFC", normalize("NFC", text).lower())
