"""The kinds of text that commands take, with their limits.  A text outside them is refused at the edge."""

from typing import Annotated

from msgspec import Meta

_NO_CONTROLS = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"

#: A title or a name: one line, not blank, at most 200 characters, no control characters.
Line = Annotated[str, Meta(min_length=1, max_length=200, pattern=rf"^(?=.*\S){_NO_CONTROLS}+\Z")]

#: A line of at most 60 characters, such as a tag.
Label = Annotated[str, Meta(min_length=1, max_length=60, pattern=rf"^(?=.*\S){_NO_CONTROLS}+\Z")]

#: A body in Markdown: at most 20,000 characters; of the control characters only tab, line feed, carriage return.
Body = Annotated[str, Meta(max_length=20_000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]*\Z")]

#: A name for addresses: lower case, 2–63 characters, letters, digits and single hyphens (a DNS label, RFC 1123).
Slug = Annotated[str, Meta(max_length=63, min_length=2, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*\Z")]
