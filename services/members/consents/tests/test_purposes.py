"""The specification of the purposes of a brand, and of the consents of a member."""

from typing import Any

import pytest

from libs.shared.domain import SYSTEM, DomainError
from libs.shared.testing.bdd import given
from services.members import member_decisions
from services.members.consents.consent import ConsentGiven, ConsentWithdrawn, GiveConsent, WithdrawConsent
from services.members.consents.purposes import (
    BUILT_IN,
    DECIDER,
    MAX_PURPOSES,
    BuiltInPurpose,
    ConsentPurposePublished,
    ConsentPurposeRestored,
    ConsentPurposeRetired,
    ConsentText,
    PublishConsentPurpose,
    RestoreConsentPurpose,
    RetireConsentPurpose,
)
from services.members.profiles.tests.builders import JOINED, MEMBERS, leading, own

TEXTS = [ConsentText(language="en", text="You may call me.")]
OTHER = [ConsentText(language="en", text="You may call me, on weekdays.")]
CALLS = ConsentPurposePublished(purpose="calls", edition=1, texts=TEXTS)
NO_CALLS = ConsentPurposeRetired(purpose="calls")


def publish(purpose: str = "calls", texts: list[ConsentText] = TEXTS, **more: Any) -> PublishConsentPurpose:
    return leading(PublishConsentPurpose, purpose=purpose, texts=texts, **more)


class TestPurposes:
    def test_a_text_in_editions(self) -> None:
        given(DECIDER).when(publish()).then(CALLS)
        given(DECIDER, CALLS).when(publish()).then_nothing()
        given(DECIDER, CALLS).when(publish(texts=OTHER)).then(
            ConsentPurposePublished(purpose="calls", edition=2, texts=OTHER)
        )
        for texts in (TEXTS * 2, [ConsentText(language="qq", text="?")]):
            given(DECIDER).when(publish(texts=texts)).then_raises("INVALID", ("texts",))

    @pytest.mark.parametrize("purpose", BuiltInPurpose)
    def test_every_brand_has_the_built_in_ones_and_may_put_them_into_its_own_words(self, purpose: str) -> None:
        assert {text.language for text in BUILT_IN[purpose]} == {"en", "fr"}
        given(DECIDER).state.check_consent(purpose, 1)
        given(DECIDER).when(publish(purpose, BUILT_IN[purpose])).then_nothing()
        given(DECIDER).when(publish(purpose)).then(ConsentPurposePublished(purpose=purpose, edition=2, texts=TEXTS))

    def test_the_texts_stay_small_enough_for_one_answer(self) -> None:
        languages = ("en", "fr", "de", "it", "es", "pt", "nl", "pl", "sv", "da", "fi", "el", "cs", "hu", "ro", "bg")
        long = [ConsentText(language=language, text="é" * 2_000) for language in languages]
        history = [ConsentPurposePublished(purpose=f"p{number}", edition=1, texts=long) for number in range(9)]
        given(DECIDER, *history).when(publish(texts=long)).then_raises("TEXTS_TOO_LARGE", ("texts",))
        given(DECIDER, *history).when(publish("p1")).then(ConsentPurposePublished(purpose="p1", edition=2, texts=TEXTS))

    def test_a_purpose_ends_and_comes_back(self) -> None:
        retire = leading(RetireConsentPurpose, purpose="calls")
        restore = leading(RestoreConsentPurpose, purpose="calls")
        given(DECIDER, CALLS).when(retire).then(NO_CALLS)
        given(DECIDER, CALLS, NO_CALLS).when(retire).then_nothing()
        given(DECIDER, CALLS, NO_CALLS).when(restore).then(ConsentPurposeRestored(purpose="calls"))
        given(DECIDER, CALLS).when(restore).then_nothing()
        given(DECIDER).when(retire).then_raises("NOT_FOUND", ("purpose",))
        new = ConsentPurposePublished(purpose="calls", edition=2, texts=OTHER)
        assert given(DECIDER, CALLS, NO_CALLS, new).state.by_key["calls"].retired, "new words do not bring it back"

    def test_leaders_of_the_brand_alone(self) -> None:
        given(DECIDER).when(publish(roles=MEMBERS)).then_raises("FORBIDDEN")
        given(DECIDER).when(publish(brand_id="b2")).then_raises("NOT_FOUND", ("brand_id",))

    def test_so_many(self) -> None:
        full = [ConsentPurposePublished(purpose=f"p{number}", edition=1, texts=TEXTS) for number in range(MAX_PURPOSES)]
        given(DECIDER, *full).when(publish()).then_raises("TOO_MANY_PURPOSES")
        given(DECIDER, *full).when(publish("p0", OTHER)).then(
            ConsentPurposePublished(purpose="p0", edition=2, texts=OTHER)
        )

    @pytest.mark.parametrize(
        ("history", "edition", "code"),
        [
            ((), 1, "NOT_FOUND"),
            ((CALLS,), 2, "CONSENT_NOT_CURRENT"),
            ((CALLS, NO_CALLS), 1, "PURPOSE_RETIRED"),
        ],
    )
    def test_what_cannot_be_agreed_to(self, history: tuple[Any, ...], edition: int, code: str) -> None:
        with pytest.raises(DomainError) as refusal:
            given(DECIDER, *history).state.check_consent("calls", edition)
        assert refusal.value.code == code


MEMBER = member_decisions.DECIDER
ONE, TWO = ConsentGiven(purpose="calls", edition=1), ConsentGiven(purpose="calls", edition=2, replaced=1)


class TestConsents:
    def test_given_once_for_each_edition(self) -> None:
        give = own(GiveConsent, purpose="calls", edition=1)
        given(MEMBER, JOINED).when(give).then(ONE)
        given(MEMBER, JOINED, ONE).when(give).then_nothing()
        given(MEMBER, JOINED, ONE).when(own(GiveConsent, purpose="calls", edition=2)).then(TWO)

    def test_withdrawn_as_easily(self) -> None:
        withdraw = own(WithdrawConsent, purpose="calls")
        given(MEMBER, JOINED, ONE, TWO).when(withdraw).then(ConsentWithdrawn(purpose="calls", edition=2))
        given(MEMBER, JOINED).when(withdraw).then_nothing()
        history = given(MEMBER, JOINED, ONE, ConsentWithdrawn(purpose="calls", edition=1))
        history.when(withdraw).then_nothing()
        history.when(own(GiveConsent, purpose="calls", edition=1)).then(ONE)

    @pytest.mark.parametrize(
        "command", [own(GiveConsent, actor="m2", purpose="calls", edition=1),
                    own(WithdrawConsent, actor="m2", purpose="calls")]
    )  # fmt: skip
    def test_by_the_member_alone(self, command: GiveConsent | WithdrawConsent) -> None:
        given(MEMBER, JOINED, ONE).when(command).then_raises("FORBIDDEN")

    def test_the_platform_may_on_their_behalf_and_nobody_outside(self) -> None:
        withdraw = own(WithdrawConsent, actor=SYSTEM, purpose="calls")
        given(MEMBER, JOINED, ONE).when(withdraw).then(ConsentWithdrawn(purpose="calls", edition=1))
        given(MEMBER).when(own(GiveConsent, purpose="calls", edition=1)).then_raises("NOT_A_MEMBER")
