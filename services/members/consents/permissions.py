"""What a viewer could send about what a brand asks consent for, and about their own consents: examples, no rules."""

from collections.abc import Mapping

from libs.access.permissions import Asked, Example, Examples, named
from libs.shared.commands import CommandHandler
from services.members.consents.consent import GiveConsent, WithdrawConsent
from services.members.consents.purposes import (
    BuiltInPurpose,
    ConsentText,
    PublishConsentPurpose,
    PurposeCommand,
    PurposeEvent,
    Purposes,
    RestoreConsentPurpose,
    RetireConsentPurpose,
)
from services.members.member import Member, MemberCommand, MemberEvent


def examples(
    purposes: CommandHandler[Purposes, PurposeCommand, PurposeEvent],
    members: CommandHandler[Member, MemberCommand, MemberEvent],
) -> Mapping[str, Examples]:
    """The examples for each kind of thing."""

    async def brand(asked: Asked) -> list[Example]:
        by_key = (await purposes.state(asked.brand, asked.id, fresh=True)).by_key
        given = (await members.state(asked.brand, asked.viewer, fresh=True)).consents
        asked_for = [key for key, purpose in by_key.items() if not purpose.retired]
        not_given = [key for key in asked_for if given.get(key) != by_key[key].edition]
        one, me = {"brand_id": asked.id}, {"member_id": asked.viewer}
        return named(
            *(
                asked.example(
                    PublishConsentPurpose,
                    **one,
                    purpose=BuiltInPurpose.DIGEST.value,
                    texts=[ConsentText(language="en", text=text)],
                )
                for text in ("new", "newer")
            ),
            *(asked.example(RetireConsentPurpose, **one, purpose=key) for key in asked_for[:1]),
            *(asked.example(RestoreConsentPurpose, **one, purpose=key) for key in by_key if by_key[key].retired),
            *(asked.example(GiveConsent, **me, purpose=key, edition=by_key[key].edition) for key in not_given[:1]),
            *(asked.example(WithdrawConsent, **me, purpose=key) for key in sorted(given)[:1]),
        )

    return {"brand": brand}
