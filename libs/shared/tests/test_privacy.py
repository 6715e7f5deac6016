import base64

import pytest

from libs.shared.privacy import CannotOpen, DataKey, KeyId, MasterKeys, Wrapped, sealed_size
from libs.shared.testing.platform import MASTER_KEYS

ADA, BOB = KeyId("b1", "ada"), KeyId("b1", "bob")
SECRET = bytes(range(32))
OTHER = base64.b64encode(b"another master key of 32 bytes!!").decode()


def test_a_field_is_opened_for_its_own_place_only() -> None:
    key = DataKey(ADA, SECRET)
    sealed = key.seal("Zoë <z@example.org>", "e1", "email")
    assert sealed.startswith("enc:1:")
    assert "example" not in sealed
    assert DataKey(ADA, SECRET).open(sealed, "e1", "email") == "Zoë <z@example.org>"
    for other, event, field in (
        (DataKey(BOB, SECRET), "e1", "email"),
        (DataKey(KeyId("b2", "ada"), SECRET), "e1", "email"),
        (DataKey(ADA, bytes(32)), "e1", "email"),
        (key, "e2", "email"),
        (key, "e1", "display_name"),
    ):
        with pytest.raises(CannotOpen):
            other.open(sealed, event, field)


@pytest.mark.parametrize("change", [0, 10, 30, -1])
def test_a_changed_byte_is_noticed(change: int) -> None:
    key = DataKey(ADA, SECRET)
    raw = bytearray(base64.urlsafe_b64decode(key.seal("some text", "e1", "body").removeprefix("enc:1:")))
    raw[change] ^= 1
    with pytest.raises(CannotOpen):
        key.open("enc:1:" + base64.urlsafe_b64encode(raw).decode(), "e1", "body")


@pytest.mark.parametrize("text", ["plain", "enc:1:", "enc:1:AAAA", "enc:1:???", "enc:2:AAAA", ""])
def test_what_is_no_ciphertext_is_refused(text: str) -> None:
    with pytest.raises(CannotOpen):
        DataKey(ADA, SECRET).open(text, "e1", "body")


@pytest.mark.parametrize("text", ["", "a", "ab", "abc", "é" * 1_000, "\n" * 20_000])
def test_the_size_is_known_beforehand(text: str) -> None:
    assert len(DataKey(ADA, SECRET).seal(text, "e1", "body")) == sealed_size(text)


def test_the_same_text_is_never_sealed_the_same() -> None:
    key = DataKey(ADA, SECRET)
    assert len({key.seal("text", "e1", "body") for _ in range(100)}) == 100


def test_a_wrapped_key_is_unwrapped_for_its_owner_only() -> None:
    masters = MasterKeys.parse(MASTER_KEYS)
    wrapped, key = masters.create(ADA)
    sealed = key.seal("text", "e1", "body")
    assert masters.unwrap(ADA, wrapped).open(sealed, "e1", "body") == "text"
    with pytest.raises(CannotOpen):
        masters.unwrap(BOB, wrapped)
    with pytest.raises(CannotOpen):
        masters.unwrap(ADA, Wrapped(wrapped.master, wrapped.data[:-1] + b"\0"))
    with pytest.raises(CannotOpen, match="'test' is not among"):
        MasterKeys.parse(f"new:{OTHER}").unwrap(ADA, wrapped)


def test_the_newest_master_key_wraps_and_all_unwrap() -> None:
    old = MasterKeys.parse(MASTER_KEYS)
    both = MasterKeys.parse(f"new:{OTHER}, {MASTER_KEYS}")
    wrapped, key = old.create(ADA)
    sealed = key.seal("text", "e1", "body")
    again = both.rewrap(ADA, wrapped)
    assert (wrapped.master, again.master, both.create(ADA)[0].master) == ("test", "new", "new")
    assert MasterKeys.parse(f"new:{OTHER}").unwrap(ADA, again).open(sealed, "e1", "body") == "text"


def test_both_alphabets_of_base64_are_read() -> None:
    secret = b"\xfb\xff" * 16
    for encoded in (base64.b64encode(secret).decode(), base64.urlsafe_b64encode(secret).decode().rstrip("=")):
        wrapped, _ = MasterKeys.parse(f"k:{encoded}").create(ADA)
        MasterKeys({"k": secret}).unwrap(ADA, wrapped)


@pytest.mark.parametrize(
    "text",
    ["", "k", "k:", ":" + OTHER, OTHER, "k:c2hvcnQ=", f"k k:{OTHER}", f"k:{OTHER},k:{OTHER[::-1]}", f"k:{OTHER},"],
)
def test_a_bad_setting_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="master key") as refusal:
        MasterKeys.parse(text)
    assert OTHER[:10] not in str(refusal.value)
    assert "c2hvcnQ" not in str(refusal.value)
