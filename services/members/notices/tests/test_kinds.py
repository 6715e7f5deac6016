"""What holds for a kind: a member's word over the brand's over the default, an opt-out over all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.members.consents.purposes import BuiltInPurpose
from services.members.notices.kinds import QUIET, Choice, Choices, Kind, Mail, Word

words = st.builds(Word, inbox=st.none() | st.booleans(), mail=st.none() | st.sampled_from(Mail))
said = st.dictionaries(st.sampled_from(Kind).map(str), words)
purposes = st.frozensets(st.sampled_from([*map(str, BuiltInPurpose), "calls"]))


@given(said, said, st.booleans(), purposes)
def test_need_56_every_way_to_opt_out_holds_for_every_kind_whatever_else_was_said(
    own: dict[str, Word], brand: dict[str, Word], mail_off: bool, withdrawn: frozenset[str]
) -> None:
    asked = Choices(own=own, brand=brand, mail_off=mail_off, withdrawn=withdrawn)
    free = Choices(own=own, brand=brand)
    for kind in Kind:
        choice, wanted = asked.of(kind), free.of(kind)
        assert choice.inbox == wanted.inbox, "to opt out of e-mail is about e-mail"
        out = mail_off or own.get(kind, Word()).mail is Mail.OFF
        out |= "digest" in withdrawn and wanted.mail in (Mail.DAILY, Mail.WEEKLY)
        out |= "nudges" in withdrawn and kind is Kind.NUDGE
        assert choice.mail is (Mail.OFF if out else wanted.mail)


@pytest.mark.parametrize("kind", Kind)
def test_a_members_word_goes_before_the_brands_and_that_before_the_default(kind: Kind) -> None:
    brand: dict[str, Word] = {kind: Word(inbox=False, mail=Mail.NOW)}
    own: dict[str, Word] = {kind: Word(mail=Mail.WEEKLY)}
    assert Choices().of(kind) == QUIET[kind]
    assert Choices(brand=brand).of(kind) == Choice(inbox=False, mail=Mail.NOW)
    assert Choices(brand=brand, own=own).of(kind) == Choice(inbox=False, mail=Mail.WEEKLY)
