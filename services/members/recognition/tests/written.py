"""Events of other services with all that any part of this service reads of them, as their owners write them."""

from libs.shared.domain import Event
from services.members.recognition import sources
from services.members.recognition.sources import SOURCES


class PostPublished(sources.PostPublished, frozen=True, kw_only=True):
    """A post in a space."""

    space_id: str = "s1"


class IdeaSubmitted(sources.IdeaSubmitted, frozen=True, kw_only=True):
    """An idea on a board."""

    board_id: str = "b1"


_WRITTEN: dict[str, type[Event]] = {one.wire_name: one for one in (PostPublished, IdeaSubmitted)}


def events_of(service: str) -> tuple[type[Event], ...]:
    """The events of a service that recognition follows, as they are written."""
    events = next(source.events for source in SOURCES if source.service == service)
    return tuple(_WRITTEN.get(event.wire_name, event) for event in events)
