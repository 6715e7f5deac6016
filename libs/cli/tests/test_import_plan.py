"""From lines to commands: everything derived, everything within what the services take."""

from datetime import UTC, datetime

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from libs.cli.import_lines import EventLine, IdeaLine, MemberLine, PostLine, ReplyLine, parse_line
from libs.cli.import_plan import ROUTES, Plan, brand_command, network_command, slug_of
from libs.cli.tests.test_import_lines import EVENT, IDEA, MEMBER, POST, REPLY, encode
from libs.shared.domain import BrandId, Command
from libs.shared.ids import identity_id, member_id
from libs.shared.text import Slug
from services.members.invitations.invitation import InviteMember
from services.members.member import GrantRole

KEY = b"k" * 32
NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def plan(brand: str = "b-1", now: datetime = NOW) -> Plan:
    return Plan(BrandId(brand), KEY, now)


def commands_of(plan: Plan) -> list[Command]:
    member, post, reply, event, idea = (parse_line(encode(line)) for line in (MEMBER, POST, REPLY, EVENT, IDEA))
    assert isinstance(member, MemberLine)
    assert isinstance(post, PostLine)
    assert isinstance(reply, ReplyLine)
    assert isinstance(event, EventLine)
    assert isinstance(idea, IdeaLine)
    return [
        network_command("default", NOW),
        brand_command("n-1", "acme", NOW),
        plan.join(member),
        plan.create_space("General", NOW),
        plan.publish_post(post, "s-1"),
        plan.publish_reply(reply),
        plan.schedule_event(event),
        plan.open_board("Wishes", NOW),
        plan.submit_idea(idea, "b-1"),
        *(plan.cast_vote(idea, supporter) for supporter in idea.supporters),
        plan.change_status(idea),
    ]


def test_every_command_is_one_that_its_service_takes() -> None:
    commands = commands_of(plan())
    assert {type(command) for command in commands} == set(ROUTES) - {InviteMember, GrantRole}
    for command in commands:
        assert msgspec.json.decode(msgspec.json.encode(command), type=type(command)) == command


def test_the_same_line_makes_the_same_command_and_another_brand_another() -> None:
    assert commands_of(plan()) == commands_of(plan())
    ids = [command.command_id for command in commands_of(plan())]
    assert len(set(ids)) == len(ids)
    assert not {command.command_id for command in commands_of(plan("b-2"))[2:]} & set(ids)


def test_a_members_id_is_derived_as_for_everybody() -> None:
    identity = identity_id(KEY, "urn:archipel:import:b-1", "m-1")
    assert plan().member("m-1") == member_id(KEY, "b-1", identity)


def test_an_event_takes_whole_days_and_was_announced_before_it_began() -> None:
    line = parse_line(encode(EVENT))
    assert isinstance(line, EventLine)
    past, ahead = plan().schedule_event(line), plan(now=datetime(2019, 1, 1, tzinfo=UTC)).schedule_event(line)
    assert (past.starts_at, past.ends_at) == (datetime(2020, 5, 1, tzinfo=UTC), datetime(2020, 5, 4, tzinfo=UTC))
    assert past.now == past.starts_at
    assert ahead.now == datetime(2019, 1, 1, tzinfo=UTC)
    assert past.sessions[0].duration_seconds == 1800


def test_slugs() -> None:
    assert slug_of("Général & Tech!", "space") == "general-tech"
    assert slug_of("  --  A1 ", "space") == "a1"
    assert slug_of("一般", "space").startswith("space-")
    assert slug_of("C++", "board") != slug_of("C#", "board")


@given(st.text(min_size=1, max_size=200))
def test_any_name_has_a_slug(name: str) -> None:
    slug = slug_of(name, "space")
    assert msgspec.convert(slug, Slug) == slug_of(name, "space")
