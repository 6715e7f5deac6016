"""What a brand asks its members' consent for, and to what they agree."""

from datetime import datetime
from typing import Annotated, Any

import strawberry
from strawberry import ID

from services.gateway import ids, replies
from services.gateway import profile_replies as rows
from services.gateway.context import Done, Info, Scope
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    CommandId,
    Connection,
    First,
    Last,
    Payload,
    command,
    connection,
    field,
    page_arguments,
)
from services.gateway.schema.member_profile import ProfileLabel, labels
from services.gateway.schema.profiles import ProfileLabelInput


@strawberry.type(description="Something that a brand asks its members' consent for.")
class ConsentPurpose:
    """A purpose."""

    purpose: str = strawberry.field(description="Its key: digest, nudges, networking, photos, or one of the brand's.")
    version: int = strawberry.field(description="The edition of the text that holds.")
    texts: list[ProfileLabel] = strawberry.field(description="What members agree to, in each language; Markdown.")
    retired: bool = strawberry.field(description="Whether nobody is asked any more.")

    @staticmethod
    def of(row: rows.PurposeReply) -> "ConsentPurpose":
        """A purpose as a service sees it."""
        return ConsentPurpose(purpose=row.purpose, version=row.edition, texts=labels(row.texts), retired=row.retired)


@strawberry.type(description="That the sender agrees to a purpose, or did at a moment.")
class Consent:
    """A consent."""

    purpose: str = strawberry.field(description="To what.")
    version: int = strawberry.field(description="By which edition of its text.")
    given_at: datetime = strawberry.field(description="When they did.")

    @staticmethod
    def of(row: rows.ConsentReply) -> "Consent":
        """A consent as a service sees it."""
        return Consent(purpose=row.purpose, version=row.edition, given_at=row.given_at)


@strawberry.type(description="That the sender gave or withdrew a consent.")
class ConsentChange:
    """A line of the history."""

    purpose: str = strawberry.field(description="To what.")
    version: int = strawberry.field(description="By which edition of its text.")
    given: bool = strawberry.field(description="Whether it was given; else it was withdrawn.")
    at: datetime = strawberry.field(description="When.")

    @staticmethod
    def of(row: rows.ConsentChangeReply) -> "ConsentChange":
        """A line as a service sees it."""
        return ConsentChange(purpose=row.purpose, version=row.edition, given=row.given, at=row.at)


@strawberry.type(description="How many agree by one edition of a text.")
class ConsentVersionCount:
    """A count."""

    version: int = strawberry.field(description="The edition.")
    members: int = strawberry.field(description="How many.")


@strawberry.type(description="How many members agree to a purpose now.")
class ConsentCount:
    """A line of the report."""

    purpose: str = strawberry.field(description="To what.")
    members: int = strawberry.field(description="How many in all.")
    versions: list[ConsentVersionCount] = strawberry.field(description="How many by each edition; they add up.")

    @staticmethod
    def of(row: rows.PurposeCountReply) -> "ConsentCount":
        """A count as a service sees it."""
        versions = [ConsentVersionCount(version=one.edition, members=one.members) for one in row.editions]
        return ConsentCount(purpose=row.purpose, members=row.members, versions=versions)


AsOf = Annotated[datetime | None, strawberry.argument(description="The moment; now when nothing is said.")]


@strawberry.type
class BrandConsents(BrandPart):
    """The part of a brand that is about consents."""

    @field
    async def consent_purposes(self, info: Info) -> list[ConsentPurpose] | None:
        """What members are asked to agree to.  Members only."""
        return await _purposes(self.inside(info))

    @field
    async def consent_text(
        self,
        info: Info,
        purpose: Annotated[str, strawberry.argument(description="The key of the purpose.")],
        version: Annotated[int, strawberry.argument(description="Which edition, also an old one.")],
    ) -> list[ProfileLabel] | None:
        """The words of an edition of a purpose's text.  Members only."""
        asked = {"purpose": purpose, "edition": version}
        scope = self.inside(info)
        return labels(await scope.ask("members", "consent_text_edition", list[rows.LabelReply], **asked))

    @field
    async def viewer_consents(self, info: Info, as_of: AsOf = None) -> list[Consent] | None:
        """To what the sender agrees, or did at a moment.  Members only."""
        return await _consents(self.inside(info), as_of)

    @field
    async def viewer_consent_history(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ConsentChange] | None:
        """What the sender gave and withdrew, newest first.  Members only."""
        scope, page = self.inside(info), page_arguments(first, after, last, before)
        reply = replies.PageReply[rows.ConsentChangeReply]
        found = await scope.ask("members", "consent_history", reply, member_id=scope.viewer, page=page)
        return connection(found, ConsentChange.of)

    @field
    async def consent_report(self, info: Info) -> list[ConsentCount] | None:
        """How many members agree to what, without saying who.  Owners and builders only."""
        found = await self.inside(info).ask("members", "consent_report", list[rows.PurposeCountReply])
        return [ConsentCount.of(row) for row in found]


@strawberry.input
class PublishConsentPurposeInput:
    """A purpose, or a new edition of its text."""

    brand_id: ID
    purpose: str = strawberry.field(description="Its key: lower case, digits and hyphens.")
    texts: list[ProfileLabelInput] = strawberry.field(description="What members agree to, in each language; Markdown.")
    command_id: CommandId = None


@strawberry.input
class ConsentPurposeInput:
    """A purpose of a brand."""

    brand_id: ID
    purpose: str = strawberry.field(description="Its key.")
    command_id: CommandId = None


@strawberry.input
class GiveConsentInput:
    """What to agree to."""

    brand_id: ID
    purpose: str = strawberry.field(description="Its key.")
    version: int = strawberry.field(description="The edition of the text that was shown; the one that holds.")
    command_id: CommandId = None


@strawberry.type
class ConsentPurposesPayload(Payload):
    """The purposes that were changed."""

    @field
    async def consent_purposes(self) -> list[ConsentPurpose] | None:
        """The purposes as changed; null when refused."""
        return await _purposes(self.done.scope) if self.done else None


@strawberry.type
class ConsentsPayload(Payload):
    """The consents that were changed."""

    @field
    async def consents(self) -> list[Consent] | None:
        """The sender's consents as changed; null when refused."""
        return await _consents(self.done.scope, None) if self.done else None


@strawberry.type
class ConsentMutation:
    """Commands on consents."""

    @command
    async def publish_consent_purpose(self, info: Info, input: PublishConsentPurposeInput) -> ConsentPurposesPayload:  # noqa: A002
        """Ask for consent to something, or by other words.  Owners and builders.

        Who agreed by an older edition goes on doing so; they are asked again by clients that see the new one.
        """
        texts = [{"language": text.language, "text": text.text} for text in input.texts]
        given = {"purpose": input.purpose, "texts": texts}
        done = await _change_purposes(info, "publish_consent_purpose", input.brand_id, input.command_id, **given)
        return ConsentPurposesPayload(done=done)

    @command
    async def retire_consent_purpose(self, info: Info, input: ConsentPurposeInput) -> ConsentPurposesPayload:  # noqa: A002
        """Ask nobody any more.  Owners and builders."""
        given = {"purpose": input.purpose}
        done = await _change_purposes(info, "retire_consent_purpose", input.brand_id, input.command_id, **given)
        return ConsentPurposesPayload(done=done)

    @command
    async def restore_consent_purpose(self, info: Info, input: ConsentPurposeInput) -> ConsentPurposesPayload:  # noqa: A002
        """Ask again.  Owners and builders."""
        given = {"purpose": input.purpose}
        done = await _change_purposes(info, "restore_consent_purpose", input.brand_id, input.command_id, **given)
        return ConsentPurposesPayload(done=done)

    @command
    async def give_consent(self, info: Info, input: GiveConsentInput) -> ConsentsPayload:  # noqa: A002
        """Agree to a purpose, by the edition of its text that holds."""
        given = {"purpose": input.purpose, "edition": input.version}
        return ConsentsPayload(done=await _change_own(info, "give_consent", input.brand_id, input.command_id, **given))

    @command
    async def withdraw_consent(self, info: Info, input: ConsentPurposeInput) -> ConsentsPayload:  # noqa: A002
        """Agree no more, in whatever stage the brand is."""
        done = await _change_own(info, "withdraw_consent", input.brand_id, input.command_id, purpose=input.purpose)
        return ConsentsPayload(done=done)


async def _purposes(scope: Scope) -> list[ConsentPurpose]:
    found = await scope.ask("members", "consent_purposes", list[rows.PurposeReply])
    return [ConsentPurpose.of(row) for row in found]


async def _consents(scope: Scope, as_of: datetime | None) -> list[Consent]:
    asked = {"member_id": scope.viewer, "as_of": as_of}
    return [
        Consent.of(row) for row in await scope.ask("members", "consents_of_member", list[rows.ConsentReply], **asked)
    ]


async def _change_purposes(info: Info, name: str, brand_id: ID, command_id: str | None, **fields: Any) -> Done:
    brand = ids.expect(brand_id, "brandId", "Brand").key
    return await info.context.act(brand, f"members.consent_purposes.{name}", command_id, brand_id=brand, **fields)


async def _change_own(info: Info, name: str, brand_id: ID, command_id: str | None, **fields: Any) -> Done:
    brand = ids.expect(brand_id, "brandId", "Brand").key
    member = info.context.member(brand)
    return await info.context.act(brand, f"members.member.{name}", command_id, member_id=member, **fields)
