"""What one member is told: facts gather until they are read, and the count of what is unread is exact."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.members.notices.facts import Fact, Reason
from services.members.notices.kinds import Kind
from services.members.notices.notice import MAX_PEOPLE, Document, Told, notice_id, tell

REPLIED = Reason(kind=Kind.REPLY, subject="t1")
REACTED = Reason(kind=Kind.REACTION, subject="r1")


def fact(actor: str = "m2", at_ms: int = 1_000, reason: Reason = REPLIED, **refs: str) -> Fact:
    return Fact(id="e1", brand="b1", actor=actor, at_ms=at_ms, reasons=(reason,), refs=refs)


def after(*facts: Fact, before: Document | None = None, inbox: bool = True) -> Document:
    for one in facts:
        told = tell("m1", one, one.reasons[0], inbox=inbox, before=before)
        before = before if told is None else told.document
    assert before is not None
    return before


def told(one: Fact, before: Document | None, *, inbox: bool = True) -> Told:
    found = tell("m1", one, one.reasons[0], inbox=inbox, before=before)
    assert found is not None
    return found


def test_the_first_fact_makes_a_notification() -> None:
    document, one_more = told(fact(reply="r1"), None)
    assert one_more
    assert document == {
        "_id": f"b1:m1:{notice_id('b1', 'm1', REPLIED)}",
        "whose": "b1:m1",
        "notice": notice_id("b1", "m1", REPLIED),
        "kind": "reply",
        "subject": "t1",
        "unread": True,
        "shown": True,
        "facts": 1,
        "people": ["m2"],
        "known": [],
        "since_ms": 1_000,
        "at_ms": 1_000,
        "refs": {"reply": "r1"},
    }


def test_more_facts_gather_and_are_one_that_is_unread() -> None:
    first = after(fact("m2", 1_000, reply="r1"))
    second = told(fact("m3", 2_000, reply="r2"), first)
    assert not second.one_more
    third = told(fact("m2", 3_000, reply="r3"), second.document).document
    assert (third["facts"], third["people"], third["since_ms"], third["at_ms"]) == (3, ["m3", "m2"], 1_000, 3_000)
    assert third["refs"] == {"reply": "r3"}


def test_a_fact_that_comes_late_does_not_make_it_older() -> None:
    document = after(fact("m2", 3_000, reply="r3"), fact("m3", 1_000, reply="r1"))
    assert (document["since_ms"], document["at_ms"], document["refs"]) == (1_000, 3_000, {"reply": "r3"})


def test_what_was_read_begins_anew() -> None:
    read = {**after(fact("m2", 1_000), fact("m3", 2_000)), "unread": False}
    document, one_more = told(fact("m4", 5_000), read)
    assert one_more
    assert (document["facts"], document["people"], document["since_ms"]) == (1, ["m4"], 5_000)


def test_five_people_reacted_and_one_of_them_twice() -> None:
    people = ["m2", "m3", "m4", "m5", "m6"]
    document = after(*(fact(person, number, REACTED) for number, person in enumerate(people)))
    assert (document["facts"], document["people"]) == (5, people)
    assert tell("m1", fact("m3", 9, REACTED), REACTED, inbox=True, before=document) is None


def test_who_reacted_before_says_nothing_new_after_it_was_read() -> None:
    read = {**after(fact("m2", 1, REACTED)), "unread": False}
    assert tell("m1", fact("m2", 9, REACTED), REACTED, inbox=True, before=read) is None
    assert told(fact("m3", 9, REACTED), read).document["people"] == ["m3"]


def test_of_very_many_people_the_newest_are_told_apart() -> None:
    document = after(*(fact(f"p{number}", number) for number in range(MAX_PEOPLE + 5)))
    assert document["facts"] == MAX_PEOPLE + 5
    assert document["people"] == [f"p{number}" for number in range(5, MAX_PEOPLE + 5)]


def test_out_of_the_inbox_it_is_kept_for_digests_and_counts_as_nothing() -> None:
    hidden = told(fact(), None, inbox=False)
    assert (hidden.document["shown"], hidden.one_more) == (False, False)
    shown = told(fact("m3", 2_000), hidden.document, inbox=True)
    assert (shown.document["shown"], shown.one_more, shown.document["facts"]) == (True, True, 2)


steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["m2", "m3"]), st.sampled_from(["t1", "t2"]), st.booleans()),
        st.sampled_from(["t1", "t2"]),
    ),
    max_size=30,
)


@given(steps=steps, reason=st.sampled_from([Kind.REPLY, Kind.REACTION]))
def test_the_count_is_always_what_is_unread_and_shown(steps: list[Any], reason: Kind) -> None:
    documents: dict[str, Document] = {}
    unread = 0
    for number, step in enumerate(steps):
        if isinstance(step, str):  # reading
            before = documents.get(step)
            if before is not None and before["unread"]:
                unread -= before["shown"]
                documents[step] = {**before, "unread": False}
        else:
            actor, subject, inbox = step
            one = fact(actor, number, Reason(kind=reason, subject=subject))
            new = tell("m1", one, one.reasons[0], inbox=inbox, before=documents.get(subject))
            if new is not None:
                documents[subject] = new.document
                unread += new.one_more
        assert unread == sum(document["unread"] and document["shown"] for document in documents.values())
