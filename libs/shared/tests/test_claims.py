import asyncio

from hypothesis import given as examples
from hypothesis import strategies as st

from libs.shared.claims import Claim, ClaimCommand, Claimed, NameClaimed, NameReleased, Release, claims
from libs.shared.codec import Codec
from libs.shared.commands import CommandHandler
from libs.shared.domain import NO_BRAND, Accepted, DomainError
from libs.shared.ids import uuid7
from libs.shared.testing.bdd import given
from libs.shared.testing.memory import MemoryEventStore
from libs.shared.tests.hall import NOW

SLUGS = claims("brand_slug")
CLAIMED = NameClaimed(name="acme", holder="b1")
RELEASED = NameReleased(name="acme", holder="b1")


def claim(holder: str) -> Claim:
    return Claim(command_id=uuid7(), brand=NO_BRAND, actor="m1", now=NOW, name="acme", holder=holder)


def release(holder: str) -> Release:
    return Release(command_id=uuid7(), brand=NO_BRAND, actor="m1", now=NOW, name="acme", holder=holder)


def test_a_free_name_is_claimed() -> None:
    given(SLUGS).when(claim("b1")).then(CLAIMED)


def test_a_holder_may_claim_again() -> None:
    given(SLUGS, CLAIMED).when(claim("b1")).then_nothing()


def test_a_name_of_another_is_taken() -> None:
    given(SLUGS, CLAIMED).when(claim("b2")).then_raises("NAME_TAKEN", ("name",))


def test_a_released_name_is_free() -> None:
    given(SLUGS, CLAIMED).when(release("b1")).then(RELEASED)
    given(SLUGS, CLAIMED, RELEASED).when(claim("b2")).then(NameClaimed(name="acme", holder="b2"))


def test_only_the_holder_can_release() -> None:
    given(SLUGS, CLAIMED).when(release("b2")).then_nothing()
    given(SLUGS).when(release("b1")).then_nothing()


@examples(st.lists(st.tuples(st.booleans(), st.sampled_from(["b1", "b2", "b3"])), max_size=20))
def test_a_name_has_one_holder_at_a_time(steps: list[tuple[bool, str]]) -> None:
    state, holder = Claimed(), None
    for claiming, who in steps:
        command: ClaimCommand = claim(who) if claiming else release(who)
        try:
            events = SLUGS.decide(state, command)
        except DomainError:
            assert holder not in {None, who}
            continue
        for event in events:
            state = SLUGS.evolve(state, event)
        assert SLUGS.decide(state, command) == []
        if claiming:
            holder = who
        elif holder == who:
            holder = None
        assert state.holder == holder


async def test_of_many_who_claim_at_once_one_gets_it() -> None:
    store = MemoryEventStore(Codec("members"))
    handlers = [CommandHandler(SLUGS, store, "members") for _ in range(3)]
    tries = [handlers[n % 3].handle(claim(f"b{n}")) for n in range(30)]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(result, Accepted) for result in results) == 1
    refused = [result.code for result in results if isinstance(result, DomainError)]
    assert refused == ["NAME_TAKEN"] * 29
    assert [message.subject for message in store.messages] == ["evt.members._.brand_slug.acme"]
