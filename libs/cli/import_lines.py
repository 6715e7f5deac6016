"""The lines of an import file: JSON objects told apart by `kind`, parsed and cleaned.  Pure."""

import re
from datetime import UTC, date, datetime
from typing import Annotated, TypeAlias, assert_never

import msgspec
from msgspec import Meta, Struct

from libs.shared.domain import Invalid
from libs.shared.tags import normalised_all
from libs.shared.text import as_name
from services.events.event import Format
from services.feedback.idea import Status

#: A line longer than this is refused unread, so that one line cannot take the memory.
MAX_LINE_BYTES = 1 << 20

Ref = Annotated[str, Meta(min_length=1, max_length=200, description="The thing's id where it comes from")]
Moment = Annotated[datetime, Meta(tz=True, description="RFC 3339, with a zone")]
Title = Annotated[str, Meta(min_length=1, max_length=200)]
Text = Annotated[str, Meta(max_length=20_000)]
Tag = Annotated[str, Meta(max_length=60)]
Note = Annotated[str, Meta(max_length=2_000)]

_BREAKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PATTERN = re.compile(r"Expected `str` matching regex '.*'", re.DOTALL)
_AT = re.compile(r"^(?P<what>.*) - at `(?P<path>[^`]*)`$", re.DOTALL)


class MemberLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="member"):
    """Somebody who joined the brand at `joined_at`."""

    ref: Ref
    display_name: Title
    email: Annotated[str, Meta(max_length=320)] | None = None
    joined_at: Moment


class PostLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="post"):
    """A thread with its opening post, in the space named `space`; `author` is a member's ref."""

    ref: Ref
    space: Title
    author: Ref
    title: Title
    body: Text
    tags: Annotated[tuple[Tag, ...], Meta(max_length=5)] = ()
    published_at: Moment


class ReplyLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="reply"):
    """A reply to the post whose ref is `post`."""

    ref: Ref
    post: Ref
    author: Ref
    body: Text
    published_at: Moment


class SessionItem(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One item of an event's programme; `recorded_on` is a date or an RFC 3339 time."""

    title: Title
    speakers: tuple[Annotated[str, Meta(max_length=200)], ...] = ()
    recorded_on: str | None = None
    duration_seconds: float | None = None
    language: Annotated[str, Meta(max_length=35)] | None = None
    url: Note | None = None


class EventLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="event"):
    """An event of whole days, from `starts_on` to `ends_on` inclusive."""

    ref: Ref
    title: Title
    description: Text = ""
    format: Format
    starts_on: date
    ends_on: date | None = None
    sessions: tuple[SessionItem, ...] = ()


class IdeaLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="idea"):
    """An idea on the board named `board`; each of `supporters`, refs of members, votes for it."""

    ref: Ref
    board: Title
    author: Ref
    supporters: tuple[Ref, ...] = ()
    title: Title
    body: Text = ""
    status: Status = Status.SUBMITTED
    submitted_at: Moment


ImportLine: TypeAlias = MemberLine | PostLine | ReplyLine | EventLine | IdeaLine

KINDS: tuple[str, ...] = ("member", "post", "reply", "event", "idea")

_decoder: "msgspec.json.Decoder[ImportLine]" = msgspec.json.Decoder(
    MemberLine | PostLine | ReplyLine | EventLine | IdeaLine
)


class LineRefused(Exception):
    """A line that cannot be imported; `reason` is for the person who made the file, `kind` is known or None."""

    def __init__(self, reason: str, kind: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind


def parse_line(data: bytes) -> ImportLine:
    """One line of a file, without its line feed, as what it describes; raises `LineRefused` and nothing else."""
    if len(data) > MAX_LINE_BYTES:
        raise LineRefused(f"longer than {MAX_LINE_BYTES:,} bytes")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise LineRefused(f"not valid UTF-8 (byte {error.start + 1})") from None
    try:
        line = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise LineRefused(explain(str(error)), _kind_of(data)) from None
    except msgspec.DecodeError as error:
        raise LineRefused(f"not JSON: {error}") from None
    except RecursionError:
        raise LineRefused("nested too deeply") from None
    try:
        return _clean(line)
    except LineRefused as refused:
        refused.kind = kind_of(line)
        raise


def kind_of(line: ImportLine) -> str:
    """The `kind` that the line had in the file."""
    return str(type(line).__struct_config__.tag)


def _clean(line: ImportLine) -> ImportLine:
    """Titles and names on one line, times in UTC, programme items without noise."""
    match line:
        case MemberLine():
            return msgspec.structs.replace(
                line,
                display_name=_shown(line.display_name, "display_name"),
                joined_at=_utc(line.joined_at, "joined_at"),
            )
        case PostLine():
            return msgspec.structs.replace(
                line,
                space=_one_line(line.space, "space"),
                title=_one_line(line.title, "title"),
                body=_body(line.body, "body"),
                tags=_tags(line.tags, "tags"),
                published_at=_utc(line.published_at, "published_at"),
            )
        case ReplyLine():
            return msgspec.structs.replace(
                line, body=_body(line.body, "body"), published_at=_utc(line.published_at, "published_at")
            )
        case EventLine():
            return _clean_event(line)
        case IdeaLine():
            return msgspec.structs.replace(
                line,
                board=_one_line(line.board, "board"),
                title=_one_line(line.title, "title"),
                body=_body(line.body, "body"),
                supporters=tuple(dict.fromkeys(line.supporters)),
                submitted_at=_utc(line.submitted_at, "submitted_at"),
            )
        case _:
            assert_never(line)


def _clean_event(line: EventLine) -> EventLine:
    ends_on = line.ends_on or line.starts_on
    if ends_on < line.starts_on:
        raise LineRefused("ends_on: before starts_on")
    if ends_on == date.max:
        raise LineRefused("ends_on: too late")
    sessions = tuple(_clean_session(session, f"sessions[{at}]") for at, session in enumerate(line.sessions))
    return msgspec.structs.replace(
        line,
        title=_one_line(line.title, "title"),
        description=_body(line.description, "description"),
        ends_on=ends_on,
        sessions=sessions,
    )


def _clean_session(session: SessionItem, path: str) -> SessionItem:
    seconds = session.duration_seconds
    if seconds is not None and not 0 <= seconds <= 10_000_000:
        raise LineRefused(f"{path}.duration_seconds: expected 0 to 10,000,000")
    return msgspec.structs.replace(
        session,
        title=_one_line(session.title, f"{path}.title"),
        speakers=tuple(
            _one_line(speaker, f"{path}.speakers[{at}]")
            for at, speaker in enumerate(session.speakers)
            if _BREAKS.sub(" ", speaker).strip()
        ),
        recorded_on=_date(session.recorded_on, f"{path}.recorded_on"),
    )


def _one_line(text: str, path: str) -> str:
    line = _BREAKS.sub(" ", text).strip()
    if not line:
        raise LineRefused(f"{path}: blank")
    return line


def _shown(text: str, path: str) -> str:
    name = as_name(_one_line(text, path))
    if name is None:
        raise LineRefused(f"{path}: blank")
    return name


def _tags(tags: tuple[str, ...], path: str) -> tuple[str, ...]:
    try:
        return normalised_all((_one_line(tag, f"{path}[{at}]") for at, tag in enumerate(tags)), path)
    except Invalid as refusal:
        raise LineRefused(f"{path}[{refusal.path[-1]}]: {refusal.message}") from None


def _body(text: str, path: str) -> str:
    found = _CONTROLS.search(text)
    if found:
        raise LineRefused(f"{path}: control character U+{ord(found[0]):04X}")
    return text


def _utc(moment: datetime, path: str) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise LineRefused(f"{path}: out of range") from None


def _date(text: str | None, path: str) -> str | None:
    """The local date of a date or an RFC 3339 time."""
    if text is None:
        return None
    try:
        moment = date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text).date()
    except ValueError:
        raise LineRefused(f"{path}: expected a date or an RFC 3339 time") from None
    return moment.isoformat()


class _Kind(Struct):
    kind: str


def _kind_of(data: bytes) -> str | None:
    """The kind of a line that is JSON but refused, for the summary."""
    try:
        kind = msgspec.json.decode(data, type=_Kind).kind
    except (msgspec.MsgspecError, RecursionError):
        return None
    return kind if kind in KINDS else None


def explain(message: str) -> str:
    """A message of msgspec in the order and the words of the file: path first, no `$`, no regular expression."""
    found = _AT.match(message)
    what, path = (found["what"], found["path"].removeprefix("$").lstrip(".")) if found else (message, "")
    if path == "kind" and what.startswith("Invalid value"):
        return f"unknown kind {what.removeprefix('Invalid value ')}; known are {', '.join(KINDS)}"
    what = what.replace("Object missing required field", "missing field").replace(
        "Object contains unknown field", "unknown field"
    )
    what = _PATTERN.sub("has not the documented form", what)
    what = what[:1].lower() + what[1:]
    return f"{path}: {what}" if path else what
