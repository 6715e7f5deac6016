"""What a new brand is furnished with, by its type, kind and language: texts, spaces, first posts, boards, a journey.

The words stand in `template_data/`, in English and French.  Pure, but for reading those files once.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from libs.access.gate import Module
from libs.shared.ids import derived_id
from services.members.brand import BrandCreated, BrandKind, BrandType
from services.members.charter import CharterPart
from services.members.journeys.journey import Completer, StepKind

_DATA: Final = Path(__file__).parent / "template_data"


class Text(Struct, frozen=True, forbid_unknown_fields=True):
    """The same words in each language."""

    en: str
    fr: str

    def spoken(self, locale: str) -> str:
        """The words for a locale: French for French ones, English for all others."""
        return self.fr if locale.split("-", maxsplit=1)[0] == "fr" else self.en


class Post(Struct, frozen=True, forbid_unknown_fields=True):
    """A first post of a space, written by the platform."""

    title: Text
    body: Text


class Space(Struct, frozen=True, forbid_unknown_fields=True):
    """A space and its first posts."""

    kind: Literal["discussion", "questions", "broadcast", "resources"]
    slug: Text
    name: Text
    posts: tuple[Post, ...] = ()


class Board(Struct, frozen=True, forbid_unknown_fields=True):
    """A feedback board."""

    kind: Literal["product", "community"]
    slug: Text
    name: Text


class JourneyStep(Struct, frozen=True, forbid_unknown_fields=True):
    """A step of the journey; `space` is the English slug of the space in which it is done."""

    id: str
    kind: StepKind
    title: Text
    text: Text
    after_days: int = 0
    space: str | None = None
    completed_by: Completer | None = None


class Template(Struct, frozen=True, forbid_unknown_fields=True):
    """What a brand is furnished with."""

    modules_off: tuple[Module, ...] = ()
    manifesto: Text | None = None
    rules: Text | None = None
    spaces: tuple[Space, ...] = ()
    boards: tuple[Board, ...] = ()
    journey: tuple[JourneyStep, ...] = ()


class Step(Struct, frozen=True):
    """A command: `to` is `<service>.<aggregate>.<name>`.  Its id is the same whenever the plan is made."""

    to: str
    command_id: str
    fields: dict[str, Any]


@cache
def template(type_: BrandType, kind: BrandKind) -> Template:
    """What brands of a type and kind get: what the type brings, and what the kind adds."""
    base = msgspec.toml.decode((_DATA / f"{type_.value}.toml").read_bytes(), type=Template)
    kinds = msgspec.toml.decode((_DATA / "kinds.toml").read_bytes(), type=dict[BrandKind, Template])
    more = kinds.get(kind, Template())
    return Template(
        modules_off=base.modules_off + more.modules_off,
        manifesto=base.manifesto,
        rules=base.rules,
        spaces=base.spaces + more.spaces,
        boards=base.boards + more.boards,
        journey=base.journey + more.journey,
    )


def plan(brand_id: str, brand: BrandCreated) -> list[Step]:
    """The commands that furnish a brand, in their order; none for a brand that is not to be."""
    if not brand.furnished or brand.type is None:
        return []
    return list(_steps(brand_id, template(brand.type, brand.kind), brand.locale))


def _steps(brand_id: str, wanted: Template, locale: str) -> Iterator[Step]:
    def step(to: str, key: str, **fields: Any) -> Step:
        return Step(to, derived_id("template", brand_id, to, key), fields)

    def new_id(thing: str, key: str) -> str:
        return derived_id("template", brand_id, thing, key)

    for part, text in ((CharterPart.MANIFESTO, wanted.manifesto), (CharterPart.RULES, wanted.rules)):
        if text is not None:
            fields = {"brand_id": brand_id, "part": part.value, "text": text.spoken(locale), "only_the_first": True}
            yield step("members.charter.publish_charter", part.value, **fields)
    for space in wanted.spaces:
        # The English slug names things also where the brand speaks French: ids do not depend on the language.
        space_id = new_id("space", space.slug.en)
        named = {"slug": space.slug.spoken(locale), "name": space.name.spoken(locale), "kind": space.kind}
        yield step("discussions.space.create_space", space.slug.en, space_id=space_id, **named)
        for number, post in enumerate(space.posts):
            key = f"{space.slug.en}/{number}"
            said = {"title": post.title.spoken(locale), "body": post.body.spoken(locale), "official": True}
            thread = new_id("post", key)
            yield step("discussions.thread.publish_post", key, thread_id=thread, space_id=space_id, **said)
    for board in wanted.boards:
        named = {"slug": board.slug.spoken(locale), "name": board.name.spoken(locale), "kind": board.kind}
        yield step("feedback.board.open_board", board.slug.en, board_id=new_id("board", board.slug.en), **named)
    if wanted.journey:
        steps = [_leading(one, locale, new_id) for one in wanted.journey]
        yield step("members.journey.publish_journey", "journey", brand_id=brand_id, steps=steps, only_the_first=True)
    for module in wanted.modules_off:
        fields = {"brand_id": brand_id, "module": module.value, "on": False}
        yield step("members.brand.switch_module", module.value, **fields)


def _leading(step: JourneyStep, locale: str, new_id: Callable[[str, str], str]) -> dict[str, Any]:
    """A step of the journey as a command has it, in every language, that of the brand first."""
    french = step.title.spoken(locale) == step.title.fr
    wordings = [
        {"locale": language, "title": getattr(step.title, language), "text": getattr(step.text, language)}
        for language in (("fr", "en") if french else ("en", "fr"))
    ]
    fields = {"id": step.id, "kind": step.kind.value, "after_hours": step.after_days * 24, "wordings": wordings}
    if step.space is not None:
        fields["space_id"] = new_id("space", step.space)
    if step.completed_by is not None:
        fields["completed_by"] = step.completed_by.value
    return fields
