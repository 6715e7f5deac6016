"""Clients under fire: thousands of commands at once, each sent again under its id until it is answered for good."""

import asyncio
import itertools
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from libs.shared.bus import BusClient
from libs.shared.domain import NO_BRAND, SYSTEM, Accepted, Command, DomainError
from libs.shared.ids import derived_id, uuid7
from libs.shared.testing.platform import Platform
from services.discussions.reaction import AddReaction, Emoji
from services.discussions.space import CreateSpace, SpaceKind
from services.discussions.thread import PublishPost, PublishReply
from services.events.decisions import CancelRsvp, Rsvp, ScheduleEvent
from services.events.event import Format, Mode
from services.feedback.board import BoardKind, OpenBoard
from services.feedback.idea import SubmitIdea
from services.feedback.vote import CastVote
from services.gateway.consistency import decode
from services.gateway.ids import encode
from services.members.brand import BrandKind, CreateBrand
from services.members.member import ChangeProfile, JoinBrand
from services.members.network import CreateNetwork
from tests.integration.crash_members import Sent, begin, of_a_part

#: Refusals and errors after which a client sends the same command again.
PASSING = frozenset({"UNAVAILABLE", "OVERLOADED", "TIMEOUT", "CONFLICT", "STALE_VIEW"})
RETRY_SECONDS = 150
THREADS, IDEAS, SEATS = 5, 5, 20

_REPLY = """mutation M($input: PublishReplyInput!) {
  publishReply(input: $input) { reply { id body } errors { code message } consistencyToken } }"""


@dataclass
class Answered:
    """A command that was accepted: what the client was told, and what the log must hold because of it."""

    command_id: str
    stream: str
    event: str
    position: int


@dataclass
class Community:
    """A fresh brand for one test, with `subjects` as its members."""

    brand: str
    subjects: list[str]
    members: list[str]
    space: str
    threads: list[str]
    board: str
    ideas: list[str]
    event: str


@dataclass
class Clients:
    """Everybody who sends.  `answered` grows as commands are accepted, `unresolved` holds what no retry could mend."""

    platform: Platform
    bus: BusClient
    random: random.Random
    answered: list[Answered] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)
    retries: int = 0

    async def found(self, members: int) -> Community:
        """A brand with spaces, threads, ideas and an event, and no founder."""
        tag = uuid7()[-12:]
        network, brand = uuid7(), uuid7()
        subjects = [f"{tag}-{number}" for number in range(members)]
        made = Community(
            brand=brand,
            subjects=subjects,
            members=[self.platform.member(subject, brand) for subject in subjects],
            space=uuid7(),
            threads=[uuid7() for _ in range(THREADS)],
            board=uuid7(),
            ideas=[uuid7() for _ in range(IDEAS)],
            event=uuid7(),
        )
        await self.send(
            "members.network",
            CreateNetwork(**envelope(NO_BRAND, SYSTEM), network_id=network, name="Net", slug=f"net-{tag}"),
        )
        await self.send(
            "members.brand",
            CreateBrand(
                **envelope(brand, SYSTEM),
                brand_id=brand,
                network_id=network,
                slug=f"brand-{tag}",
                name="Brand",
                kind=BrandKind.CLUB,
                locale="en",
            ),
        )
        await asyncio.gather(*(self.join(made, number) for number in range(members)))
        await self.send(
            "discussions.space",
            CreateSpace(
                **envelope(brand, SYSTEM), space_id=made.space, slug="all", name="All", kind=SpaceKind.DISCUSSION
            ),
        )
        await self.send(
            "feedback.board",
            OpenBoard(**envelope(brand, SYSTEM), board_id=made.board, slug="all", name="All", kind=BoardKind.PRODUCT),
        )
        await asyncio.gather(
            *(self.post(made, made.members[0], thread) for thread in made.threads),
            *(self.idea(made, made.members[0], idea) for idea in made.ideas),
            self.send("events.event", _event(made)),
            self.sent(made, begin(brand)),
        )
        return made

    async def join(self, to: Community, number: int) -> None:
        """A member joins."""
        member = to.members[number]
        command = JoinBrand(
            **envelope(to.brand, member),
            member_id=member,
            identity=self.platform.identity(to.subjects[number]),
            display_name=f"Member {number}",
        )
        await self.expect("members.member", command, "member_joined")

    async def post(self, to: Community, member: str, thread: str) -> None:
        """A new thread."""
        command = PublishPost(
            **envelope(to.brand, member), thread_id=thread, space_id=to.space, title="Title", body="Body"
        )
        await self.expect("discussions.thread", command, "post_published")

    async def idea(self, to: Community, member: str, idea: str) -> None:
        """A new idea."""
        command = SubmitIdea(**envelope(to.brand, member), idea_id=idea, board_id=to.board, title="Title")
        await self.expect("feedback.idea", command, "idea_submitted")

    async def sent(self, to: Community, one: Sent) -> None:
        """A command of a part of the members service."""
        await self.expect(one.route, one.command(**envelope(to.brand, one.actor), **one.fields), one.event)

    async def expect(self, route: str, command: Command, event: str) -> None:
        """Send a command that changes something whenever it is accepted, and note what the log must hold."""
        accepted = await self.send(route, command)
        if accepted is not None:
            ((stream, position),) = accepted.position.items()
            self.answered.append(Answered(command.command_id, stream, event, position))

    async def send(self, route: str, command: Command) -> Accepted | None:
        """Send until it is answered; what is refused for good, or not answered in a minute, is unresolved."""
        service, aggregate = route.split(".")
        return await self._insist(
            f"{route}.{command.wire_name}",
            lambda: self.bus.command(service, aggregate, command.wire_name, command, timeout_seconds=5),
        )

    async def reply_by_graphql(self, to: Community, http: httpx.AsyncClient, number: int, token: str) -> None:
        """A reply through the gateway, under the client's own `commandId`."""
        member, thread, given = to.members[number], self.random.choice(to.threads), uuid7()
        text = f"graphql {given}"
        variables = {"input": {"postId": encode("Post", to.brand, thread), "body": text, "commandId": given}}

        async def attempt() -> Accepted:
            return await _mutate(http, f"{self.platform.url}/graphql", token, variables, text)

        accepted = await self._insist("graphql publishReply", attempt)
        if accepted is not None:
            command_id = derived_id(to.brand, member, "publish_reply", given)
            ((stream, position),) = accepted.position.items()
            self.answered.append(Answered(command_id, stream, "reply_published", position))

    async def _insist(self, what: str, attempt: Callable[[], Coroutine[Any, Any, Accepted]]) -> Accepted | None:
        clock = asyncio.get_running_loop().time
        deadline = clock() + RETRY_SECONDS
        pause = 0.05
        while True:
            try:
                return await attempt()
            except DomainError as refusal:
                if refusal.code not in PASSING or clock() > deadline:
                    self.unresolved.append(f"{what}: {refusal!r}")
                    return None
            self.retries += 1
            await asyncio.sleep(self.random.uniform(0.5, 1) * pause)  # thousands at once would stop the restart
            pause = min(2 * pause, 1.6)


def envelope(brand: str, actor: str) -> dict[str, Any]:
    """The fields that every command has."""
    return {"command_id": uuid7(), "brand": brand, "actor": actor, "now": datetime.now(UTC)}


def storm(clients: Clients, to: Community, count: int, http: httpx.AsyncClient) -> list[Coroutine[Any, Any, None]]:
    """That many commands of all kinds on a few hot aggregates and many fresh ones, in random order; one in ten GraphQL.

    Every one changes something when it is accepted, so each must leave its event exactly once.
    """
    dice, turns = clients.random, itertools.count()
    tokens: Mapping[int, str] = {number: clients.platform.token(to.subjects[number]) for number in range(20)}

    def one(number: int) -> Coroutine[Any, Any, None]:
        member = dice.choice(to.members)
        match number % 20:
            case 0 | 1 | 2 | 3 | 4 | 5:
                command = PublishReply(
                    **envelope(to.brand, member), thread_id=dice.choice(to.threads), reply_id=uuid7(), body="Reply"
                )
                return clients.expect("discussions.thread", command, "reply_published")
            case 6 | 7:
                who = dice.randrange(len(tokens))
                return clients.reply_by_graphql(to, http, who, tokens[who])
            case 8 | 9:
                return clients.post(to, member, uuid7())
            case 10 | 11 | 12:
                thread = dice.choice(to.threads)
                reaction = AddReaction(
                    **envelope(to.brand, member), thread_id=thread, target_id=thread, emoji=dice.choice(list(Emoji))
                )
                return clients.expect("discussions.reaction", reaction, "reaction_added")
            case 13 | 14 | 15:
                vote = CastVote(**envelope(to.brand, member), idea_id=dice.choice(to.ideas))
                return clients.expect("feedback.vote", vote, "vote_cast")
            case 16:
                return clients.idea(to, member, uuid7())
            case 17 | 18:
                return clients.sent(to, of_a_part(next(turns), to.brand, member, dice.choice(to.threads)))
            case _:
                profile = ChangeProfile(**envelope(to.brand, member), member_id=member, bio=uuid7())
                return clients.expect("members.member", profile, "profile_changed")

    commands = [one(number) for number in range(count)]
    commands += [_come_and_go(clients, to, member, leaves=dice.random() < 0.3) for member in to.members]
    dice.shuffle(commands)
    return commands


async def _come_and_go(clients: Clients, to: Community, member: str, *, leaves: bool) -> None:
    """One RSVP for a seat, and for some a change of mind: those who wait move up."""
    asked = Rsvp(**envelope(to.brand, member), event_id=to.event, mode=Mode.IN_PERSON)
    await clients.expect("events.event", asked, "rsvp_")
    if leaves:
        left = CancelRsvp(**envelope(to.brand, member), event_id=to.event)
        await clients.expect("events.event", left, "rsvp_cancelled")


def _event(made: Community) -> ScheduleEvent:
    starts_at = datetime.now(UTC) + timedelta(days=1)
    return ScheduleEvent(
        **envelope(made.brand, SYSTEM),
        event_id=made.event,
        title="Event",
        format=Format.HYBRID,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2),
        time_zone="UTC",
        in_person_seats=SEATS,
    )


async def _mutate(http: httpx.AsyncClient, url: str, token: str, variables: Mapping[str, Any], text: str) -> Accepted:
    """One attempt; raises DomainError with the code of what went wrong, UNAVAILABLE when nobody answered."""
    headers = {"Authorization": f"Bearer {token}"}
    try:
        response = await http.post(url, json={"query": _REPLY, "variables": variables}, headers=headers)
        answer = response.json()
    except (httpx.HTTPError, ValueError) as error:
        raise DomainError("UNAVAILABLE", repr(error)) from error
    problems: Sequence[Mapping[str, Any]] = answer.get("errors") or ()
    for problem in problems:
        code = problem.get("extensions", {}).get("code", "?")
        raise DomainError(code, f"{response.status_code} {problem['message']}")
    payload = answer["data"]["publishReply"]
    for refusal in payload["errors"]:
        raise DomainError(refusal["code"], refusal["message"])
    if payload["reply"]["body"] != text:
        raise DomainError("WRONG_ANSWER", f"another command's outcome: {payload}")
    return Accepted(id=payload["reply"]["id"], position=decode(payload["consistencyToken"]))
