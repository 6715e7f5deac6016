"""What a brand stands for and by which rules: texts in editions, and who has accepted them."""

from datetime import datetime
from enum import Enum

import strawberry
from strawberry import ID

from services.gateway import ids, replies
from services.gateway.context import Info
from services.gateway.schema.common import (
    After,
    Before,
    BrandPart,
    Connection,
    First,
    Last,
    connection,
    field,
    page_arguments,
)


@strawberry.enum(description="A text of a brand's charter.")
class CharterPart(Enum):
    """Parts of a charter, as services name them."""

    MANIFESTO = "manifesto"
    RULES = "rules"


@strawberry.type(description="An edition of a text; those before it stay readable.")
class CharterText:
    """A text and since when it holds."""

    part: CharterPart
    version: int = strawberry.field(description="From 1.")
    text: str = strawberry.field(description="Markdown.")
    published_at: datetime

    @staticmethod
    def of(row: replies.CharterTextReply) -> "CharterText":
        """A text as a service sees it."""
        return CharterText(
            part=CharterPart(row.part), version=row.edition, text=row.text, published_at=row.published_at
        )


@strawberry.type(description="What holds in a brand at a moment; null where there was nothing yet.")
class Charter:
    """The manifesto and the rules."""

    manifesto: CharterText | None = strawberry.field(description="What the brand is for and what it values.")
    rules: CharterText | None = strawberry.field(description="What everybody accepts who joins.")


@strawberry.type(description="What a member had accepted at a moment.")
class RulesAcceptance:
    """A member and the rules."""

    version: int | None = strawberry.field(description="The newest version that was accepted; null before any.")
    accepted_at: datetime | None
    must_accept: bool = strawberry.field(description="Whether there was a newer version.")

    @staticmethod
    def of(row: replies.AcceptanceReply) -> "RulesAcceptance":
        """An acceptance as a service sees it."""
        accepted = row.accepted
        return RulesAcceptance(
            version=accepted.edition if accepted else None,
            accepted_at=accepted.accepted_at if accepted else None,
            must_accept=row.must_accept,
        )


@strawberry.type
class BrandRules(BrandPart):
    """The part of a brand that says what holds there.  The texts are public: they are read before joining."""

    @field
    async def charter(self, info: Info, as_of: datetime | None = None) -> Charter | None:
        """The manifesto and the rules that hold, or held at a moment.  Public."""
        scope = info.context.everywhere(self.at_least)
        row = await scope.ask("members", "charter_of_brand", replies.CharterReply, brand_id=self.key, as_of=as_of)
        return Charter(
            manifesto=CharterText.of(row.manifesto) if row.manifesto else None,
            rules=CharterText.of(row.rules) if row.rules else None,
        )

    @field
    async def charter_editions(
        self,
        info: Info,
        part: CharterPart,
        *,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
    ) -> Connection[CharterText] | None:
        """All versions of a text, newest first.  Public."""
        page, reply = page_arguments(first, after, last, before), replies.PageReply[replies.CharterTextReply]
        scope = info.context.everywhere(self.at_least)
        found = await scope.ask("members", "charter_editions", reply, brand_id=self.key, part=part.value, page=page)
        return connection(found, CharterText.of)

    @field
    async def rules_acceptance(
        self, info: Info, member_id: ID, as_of: datetime | None = None
    ) -> RulesAcceptance | None:
        """What a member has accepted, or had at a moment.  For the member, owners and builders."""
        scope = self.inside(info)
        member = ids.expect(member_id, "memberId", "Member", brand=self.key).key
        row = await scope.ask("members", "rules_acceptance", replies.AcceptanceReply, member_id=member, as_of=as_of)
        return RulesAcceptance.of(row)

    @field
    async def viewer_must_accept_rules(self, info: Info) -> bool | None:
        """Whether the rules have a version that the sender has not accepted.  Members only."""
        scope = self.inside(info)
        row = await scope.ask("members", "rules_acceptance", replies.AcceptanceReply, member_id=scope.viewer)
        return row.must_accept
