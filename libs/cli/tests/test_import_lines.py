"""Parsing import lines: what is refused and why, what is cleaned, and that nothing else can come out."""

import json
import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from libs.cli.import_lines import (
    KINDS,
    MAX_LINE_BYTES,
    EventLine,
    IdeaLine,
    LineRefused,
    MemberLine,
    PostLine,
    ReplyLine,
    kind_of,
    parse_line,
)

MEMBER = {
    "kind": "member",
    "ref": "m-1",
    "display_name": "Ada",
    "email": "ada@example.org",
    "joined_at": "2020-01-01T00:00:00Z",
}
POST = {
    "kind": "post",
    "ref": "p-1",
    "space": "General",
    "author": "m-1",
    "title": "Hello",
    "body": "World\n",
    "published_at": "2020-01-01T01:00:00+01:00",
}
REPLY = {
    "kind": "reply",
    "ref": "r-1",
    "post": "p-1",
    "author": "m-1",
    "body": "Hi",
    "published_at": "2020-01-02T00:00:00Z",
}
SESSION = {
    "title": "Opening",
    "speakers": ["Ada", " "],
    "recorded_on": "2020-05-01T10:00:00+13:00",
    "duration_seconds": 1800.0,
    "language": None,
    "url": None,
}
EVENT = {
    "kind": "event",
    "ref": "e-1",
    "title": "Meeting",
    "description": "",
    "format": "hybrid",
    "starts_on": "2020-05-01",
    "ends_on": "2020-05-03",
    "sessions": [SESSION],
}
IDEA = {
    "kind": "idea",
    "ref": "i-1",
    "board": "Wishes",
    "author": "m-1",
    "supporters": ["m-1", "m-2", "m-1"],
    "title": "Better",
    "body": "",
    "status": "shipped",
    "submitted_at": "2020-01-01T00:00:00Z",
}
EXAMPLES: list[dict[str, Any]] = [MEMBER, POST, REPLY, EVENT, IDEA]


def encode(line: dict[str, Any]) -> bytes:
    return json.dumps(line).encode()


def without(line: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != field}


def test_every_kind_is_read() -> None:
    parsed = [parse_line(encode(line)) for line in EXAMPLES]
    assert [type(line) for line in parsed] == [MemberLine, PostLine, ReplyLine, EventLine, IdeaLine]
    assert tuple(map(kind_of, parsed)) == KINDS


def test_tags_are_normalised() -> None:
    post = parse_line(encode({**POST, "tags": ["Sea\u2028 kayaks", "Ｔides", "TIDES"]}))
    assert isinstance(post, PostLine)
    assert post.tags == ("sea kayaks", "tides")
    untagged = parse_line(encode(POST))
    assert isinstance(untagged, PostLine)
    assert untagged.tags == ()


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        (None, "tags: expected `array`, got `null`"),
        (["a", 1], "tags[1]: expected `str`, got `int`"),
        (list("abcdef"), "tags: expected `array` of length <= 5"),
        (["a", "b" * 61], "tags[1]: expected `str` of length <= 60"),
        (["a", " \t"], "tags[1]: blank"),
        (["\u200b"], "tags[0]: a tag has 1–60 characters"),
        (["a", "ﷺ" * 60], "tags[1]: a tag has 1–60 characters"),
    ],
)
def test_tags_that_are_none_are_named(tags: object, reason: str) -> None:
    with pytest.raises(LineRefused) as refused:
        parse_line(encode({**POST, "tags": tags}))
    assert (refused.value.reason, refused.value.kind) == (reason, "post")


def test_times_are_turned_to_utc() -> None:
    post = parse_line(encode(POST))
    assert isinstance(post, PostLine)
    assert post.published_at == datetime(2020, 1, 1, tzinfo=UTC)
    assert post.published_at.tzinfo is UTC


def test_a_programme_is_cleaned() -> None:
    noisy = {**SESSION, "title": " A \n talk\u2028on\x00 f(x) "}
    event = parse_line(encode({**EVENT, "sessions": [noisy]}))
    assert isinstance(event, EventLine)
    (session,) = event.sessions
    assert session.title == "A talk on f(x)"
    assert session.speakers == ("Ada",)
    assert session.recorded_on == "2020-05-01"  # where it took place, not in UTC


def test_an_event_without_an_end_takes_one_day() -> None:
    event = parse_line(encode({**EVENT, "ends_on": None}))
    assert isinstance(event, EventLine)
    assert event.ends_on == date(2020, 5, 1)


def test_supporters_vote_once() -> None:
    idea = parse_line(encode(IDEA))
    assert isinstance(idea, IdeaLine)
    assert idea.supporters == ("m-1", "m-2")


@pytest.mark.parametrize(
    ("data", "kind", "reason"),
    [
        (b"", None, "not JSON"),
        (b"{", None, "not JSON"),
        (encode(MEMBER) + b" {}", None, "not JSON"),
        (b"[]", None, "expected `object`"),
        (b'"member"', None, "expected `object`"),
        (b"{}", None, "missing field `kind`"),
        (b'{"kind":7}', None, "kind: expected `str`"),
        (b'{"kind":"badge"}', None, "unknown kind 'badge'; known are member, post"),
        (b'{"ref":' + b"[" * 100_000, None, "nested too deeply"),
        (b'{"kind":"\xff"}', None, "not valid UTF-8 (byte 10)"),
        (b'{"kind":"member","ref":"\\ud800"}', None, "not JSON"),
        (b" " * (MAX_LINE_BYTES + 1), None, "longer than 1,048,576 bytes"),
        (encode(without(MEMBER, "ref")), "member", "missing field `ref`"),
        (encode({**MEMBER, "age": 7}), "member", "unknown field `age`"),
        (encode({**MEMBER, "ref": 7}), "member", "ref: expected `str`, got `int`"),
        (encode({**MEMBER, "ref": ""}), "member", "ref: expected `str` of length >= 1"),
        (encode({**MEMBER, "display_name": "\t \n"}), "member", "display_name: blank"),
        (encode({**MEMBER, "display_name": "\u200b"}), "member", "display_name: blank"),
        (encode({**MEMBER, "display_name": "x" * 201}), "member", "display_name: expected `str` of length <= 200"),
        (encode({**MEMBER, "joined_at": "2020-01-01"}), "member", "joined_at: invalid RFC3339"),
        (
            encode({**MEMBER, "joined_at": "2020-01-01T00:00:00"}),
            "member",
            "joined_at: expected `datetime` with a time",
        ),
        (encode({**MEMBER, "joined_at": "0001-01-01T00:00:00+12:00"}), "member", "joined_at: out of range"),
        (encode({**POST, "body": "x" * 20_001}), "post", "body: expected `str` of length <= 20000"),
        (encode({**POST, "body": "a\x00b"}), "post", "body: control character U+0000"),
        (encode({**REPLY, "post": None}), "reply", "post: expected `str`, got `null`"),
        (encode({**EVENT, "format": "party"}), "event", "format: invalid enum value 'party'"),
        (encode({**EVENT, "ends_on": "2020-04-30"}), "event", "ends_on: before starts_on"),
        (encode({**EVENT, "ends_on": "9999-12-31"}), "event", "ends_on: too late"),
        (
            encode({**EVENT, "sessions": [{**SESSION, "recorded_on": "May"}]}),
            "event",
            "sessions[0].recorded_on: expected",
        ),
        (encode({**EVENT, "sessions": [{**SESSION, "room": 1}]}), "event", "sessions[0]: unknown field `room`"),
        (encode({**EVENT, "sessions": [{**SESSION, "duration_seconds": -1}]}), "event", "sessions[0].duration_seconds"),
        (encode({**IDEA, "status": "done"}), "idea", "status: invalid enum value 'done'"),
        (encode({**IDEA, "supporters": "m-1"}), "idea", "supporters: expected `array`, got `str`"),
    ],
)
def test_a_bad_line_is_refused_with_its_reason(data: bytes, kind: str | None, reason: str) -> None:
    with pytest.raises(LineRefused) as refused:
        parse_line(data)
    assert reason in refused.value.reason
    assert refused.value.kind == kind


def _parses_or_is_refused(data: bytes) -> None:
    try:
        line = parse_line(data)
    except LineRefused as refused:
        assert refused.reason
        assert refused.kind in (None, *KINDS)
    else:
        assert kind_of(line) in KINDS


@given(st.binary(max_size=400))
@example(b"\xef\xbb\xbf{}")
@example(b"\x00")
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    _parses_or_is_refused(data)


@given(st.sampled_from(EXAMPLES), st.randoms(use_true_random=False), st.integers(1, 6))
def test_damaged_lines_parse_or_are_refused(line: dict[str, Any], dice: random.Random, damages: int) -> None:
    data = bytearray(encode(line))
    for _ in range(damages):
        at = dice.randrange(len(data))
        data[at : at + dice.randrange(3)] = dice.randbytes(dice.randrange(3)) or b"\\"
    _parses_or_is_refused(bytes(data))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(EXAMPLES), st.data())
def test_any_value_in_any_field_parses_or_is_refused(line: dict[str, Any], data: st.DataObject) -> None:
    field = data.draw(st.sampled_from(sorted(line)))
    _parses_or_is_refused(encode({**line, field: data.draw(_json)}))


_words = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=60
)
_moments = st.datetimes(datetime(1900, 1, 1), datetime(2199, 1, 1), timezones=st.timezones())


@given(ref=_words, title=_words, body=_words, moment=_moments)
def test_a_well_formed_post_keeps_its_content(ref: str, title: str, body: str, moment: datetime) -> None:
    published_at = moment.astimezone(UTC)
    line = {**POST, "ref": ref, "title": title, "body": body, "published_at": published_at.isoformat()}
    post = parse_line(encode(line))
    assert isinstance(post, PostLine)
    assert (post.ref, post.title, post.body, post.published_at) == (ref, title, body, published_at)
