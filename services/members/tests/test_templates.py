"""What each template brings, and the process that carries it out against services that refuse or are away."""

from collections import Counter
from datetime import UTC, datetime
from itertools import product
from typing import Any

import msgspec
import pytest

from libs.access.gate import Module
from libs.shared.domain import Accepted, BrandId, DomainError, Forbidden, Unavailable
from libs.shared.recorded import Recorded
from services.members.brand import BrandCreated, BrandKind, BrandType
from services.members.furnishing import Furnishing
from services.members.journeys.journey import Step as JourneyStep
from services.members.templates import Step, plan, template

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
EVERY = list(product(BrandType, BrandKind))


def created(
    type_: BrandType | None = BrandType.INTEREST, kind: BrandKind = BrandKind.CLUB, **changes: Any
) -> BrandCreated:
    fields: dict[str, Any] = {
        "network_id": "n1",
        "slug": "s1",
        "name": "N",
        "locale": "en",
        "furnished": True,
        **changes,
    }
    return BrandCreated(type=type_, kind=kind, **fields)


def targets(steps: list[Step]) -> Counter[str]:
    return Counter(step.to.rpartition(".")[2] for step in steps)


@pytest.mark.parametrize(("type_", "kind"), EVERY)
def test_every_type_and_kind_has_its_furniture_in_both_languages(type_: BrandType, kind: BrandKind) -> None:
    english, french = (plan("b1", created(type_, kind, locale=locale)) for locale in ("en-GB", "fr-CA"))
    assert [(step.to, step.command_id) for step in english] == [(step.to, step.command_id) for step in french]
    assert targets(english)["create_space"] >= 3 and targets(english)["publish_charter"] == 2
    assert targets(english)["publish_post"] >= 1, "not an empty shell"
    assert len({step.command_id for step in english}) == len(english)
    for steps in (english, french):
        slugs = [(step.to, step.fields["slug"]) for step in steps if "slug" in step.fields]
        assert len(set(slugs)) == len(slugs)
    for one, other in zip(english, french, strict=True):
        words = {"name", "title", "body", "text", "slug", "steps"}
        same = {field: value for field, value in one.fields.items() if field not in words}
        assert same == {field: value for field, value in other.fields.items() if field not in words}
        assert all(one.fields[field] != other.fields[field] for field in {"body", "text", "title"} & set(one.fields))


@pytest.mark.parametrize(("type_", "kind"), EVERY)
def test_a_journey_leads_through_four_weeks_in_what_the_brand_has(type_: BrandType, kind: BrandKind) -> None:
    english, french = (plan("b1", created(type_, kind, locale=locale)) for locale in ("en", "fr"))
    for steps, language in ((english, "en"), (french, "fr")):
        [publishing] = [step.fields for step in steps if step.to == "members.journey.publish_journey"]
        journey = msgspec.convert(publishing["steps"], tuple[JourneyStep, ...])
        assert publishing["only_the_first"] and len(journey) >= 6
        due = [step.after_hours for step in journey]
        assert due == sorted(due) and due[0] == 0 and due[-1] == 28 * 24
        assert {step.kind.module for step in journey}.isdisjoint(template(type_, kind).modules_off)
        spaces = {step.fields.get("space_id") for step in steps if step.to.endswith("create_space")}
        assert {step.space_id for step in journey} <= {None, *spaces}
        assert [step.wordings[0].locale for step in journey] == [language] * len(journey)
        assert all({wording.locale for wording in step.wordings} == {"en", "fr"} for step in journey)
        assert all(one.title != other.title for one, other in (step.wordings for step in journey))


def test_the_types_differ_in_what_they_need() -> None:
    off = {type_: template(type_, BrandKind.OTHER).modules_off for type_ in BrandType}
    assert off == {
        BrandType.INTEREST: (),
        BrandType.RELATION: (),
        BrandType.TRANSACTION: (Module.EVENTS,),
        BrandType.VIRTUAL_WORLD: (Module.FEEDBACK,),
    }


def test_a_kind_adds_to_its_type() -> None:
    plain, customers = (plan("b1", created(kind=kind)) for kind in (BrandKind.OTHER, BrandKind.CUSTOMERS))
    assert targets(customers) - targets(plain) == {"open_board": 1}


def test_nothing_of_two_brands_is_the_same_thing() -> None:
    ids = [{step.command_id for step in plan(brand, created())} for brand in ("b1", "b2")]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("brand", [created(furnished=False), created(None, furnished=True)])
def test_who_wants_none_gets_none(brand: BrandCreated) -> None:
    assert plan("b1", brand) == []


class Services:
    """Takes commands; `refuse` says how often and why a command is refused first."""

    def __init__(self, **refuse: list[DomainError]) -> None:
        self.refuse = refuse
        self.sent: list[tuple[str, dict[str, Any]]] = []

    async def send(self, service: str, aggregate: str, name: str, payload: dict[str, Any]) -> Accepted:
        if waiting := self.refuse.get(name):
            raise waiting.pop(0)
        self.sent.append((f"{service}.{aggregate}.{name}", payload))
        return Accepted(id="x", position={})


def recorded(event: BrandCreated) -> Recorded[BrandCreated]:
    return Recorded(
        event=event, id="e1", brand=BrandId("b1"), aggregate="brand", aggregate_id="b1", actor="i1", time=NOW,
        recorded_at=NOW, causation_id="c1", correlation_id="c1", stream="MEMBERS", sequence=1,
    )  # fmt: skip


async def test_the_same_commands_are_sent_each_time() -> None:
    services = Services()
    furnishing = Furnishing(services.send)
    assert await furnishing.handle(recorded(created()))
    assert await furnishing.handle(recorded(created()))
    half = len(services.sent) // 2
    assert services.sent[:half] == services.sent[half:]
    to, payload = services.sent[-1]
    assert (to, payload["left_out"]) == ("members.brand.complete_furnishing", [])
    assert {payload["actor"] for _, payload in services.sent} == {"system"}


async def test_a_service_that_is_away_is_waited_for() -> None:
    services = Services(create_space=[Unavailable(), DomainError("TIMEOUT", "late")])
    await Furnishing(services.send).handle(recorded(created()))
    assert Counter(to for to, _ in services.sent)["discussions.space.create_space"] == 5
    assert services.sent[-1][1]["left_out"] == []


async def test_what_is_refused_is_left_out_and_told() -> None:
    services = Services(create_space=[DomainError("NAME_TAKEN", "taken")], open_board=[Forbidden()])
    await Furnishing(services.send).handle(recorded(created()))
    assert services.sent[-1][1]["left_out"] == ["discussions.space.create_space", "feedback.board.open_board"]


async def test_a_brand_without_furniture_is_passed_by() -> None:
    services = Services()
    assert not await Furnishing(services.send).handle(recorded(created(furnished=False)))
    assert services.sent == []
