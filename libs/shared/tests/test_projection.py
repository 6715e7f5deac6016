"""Folding a batch: whatever the cuts, the operations lead to the same documents."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from libs.shared.projection import Change, Counter, Increment, Operation, Planner, SetMember, ViewError, Write, set_ids

VOTES = Counter("ideas", "i1", "votes")


def vote(member: str, stands: bool = True, idea: str = "i1") -> SetMember:
    document = {"member": member} if stands else None
    return SetMember("votes", f"{idea}:{member}", document, (Counter("ideas", idea, "votes"),))


def planner() -> Planner:
    return Planner(["ideas", "votes"])


def test_ids_to_read_are_named_once_in_order() -> None:
    write = Write("ideas", DeleteOne({"_id": "x"}))
    assert set_ids([vote("a"), write, vote("b"), vote("a", False)]) == {"votes": ["i1:a", "i1:b"]}


def test_many_votes_become_one_increment() -> None:
    plan = planner().plan([vote("a"), vote("b"), vote("c")], {"votes": {"i1:c"}})
    assert plan["ideas"] == [UpdateOne({"_id": "i1"}, {"$inc": {"votes": 2}}, upsert=True)]
    assert plan["votes"] == [
        InsertOne({"member": "a", "_id": "i1:a"}),
        InsertOne({"member": "b", "_id": "i1:b"}),
        ReplaceOne({"_id": "i1:c"}, {"member": "c", "_id": "i1:c"}),
    ]


def test_a_repeated_vote_does_not_count() -> None:
    plan = planner().plan([vote("a"), vote("a")], {})
    assert plan["ideas"] == [UpdateOne({"_id": "i1"}, {"$inc": {"votes": 1}}, upsert=True)]


def test_taking_back_what_never_stood_is_nothing() -> None:
    assert planner().plan([vote("a", False)], {"votes": frozenset()}) == {}


def test_there_and_back_leaves_a_zero() -> None:
    plan = planner().plan([vote("a"), vote("a", False)], {})
    assert plan == {"ideas": [UpdateOne({"_id": "i1"}, {"$inc": {"votes": 0}}, upsert=True)]}


def test_leaving_deletes_and_counts_down() -> None:
    plan = planner().plan([vote("a", False)], {"votes": {"i1:a"}})
    assert plan["votes"] == [DeleteOne({"_id": "i1:a"})]
    assert plan["ideas"] == [UpdateOne({"_id": "i1"}, {"$inc": {"votes": -1}}, upsert=True)]


def test_a_plain_write_keeps_its_place_among_counts() -> None:
    delete = DeleteOne({"_id": "i1"})
    plan = planner().plan([vote("a"), Write("ideas", delete), vote("b")], {})
    up = UpdateOne({"_id": "i1"}, {"$inc": {"votes": 1}}, upsert=True)
    assert plan["ideas"] == [up, delete, up]


def test_increments_of_a_batch_are_one_write_a_document() -> None:
    changes = [
        Increment("ideas", "i1", {"views": 1}, {"brand": "b"}),
        Increment("ideas", "i2", {"views": 1}),
        Increment("ideas", "i1", {"views": 1, "shares": 2}, {"brand": "b"}),
    ]
    assert planner().plan(changes, {})["ideas"] == [
        UpdateOne({"_id": "i1"}, {"$inc": {"views": 2, "shares": 2}, "$setOnInsert": {"brand": "b"}}, upsert=True),
        UpdateOne({"_id": "i2"}, {"$inc": {"views": 1}}, upsert=True),
    ]


def test_an_increment_that_is_taken_back_leaves_a_zero() -> None:
    plan = planner().plan([Increment("ideas", "i1", {"views": 1}), Increment("ideas", "i1", {"views": -1})], {})
    assert plan["ideas"] == [UpdateOne({"_id": "i1"}, {"$inc": {"views": 0}}, upsert=True)]


def test_a_plain_write_keeps_its_place_among_increments() -> None:
    delete, one = DeleteOne({"_id": "i1"}), Increment("ideas", "i1", {"views": 1})
    up = UpdateOne({"_id": "i1"}, {"$inc": {"views": 1}}, upsert=True)
    assert planner().plan([one, Write("ideas", delete), one], {})["ideas"] == [up, delete, up]


def test_no_increment_stands_in_a_set() -> None:
    with pytest.raises(ViewError, match="is a set"):
        planner().plan([vote("a"), Increment("votes", "i1:a", {"n": 1})], {})


def test_an_undeclared_collection_is_refused() -> None:
    with pytest.raises(ViewError, match="declares no collection 'other'"):
        planner().plan([Write("other", DeleteOne({}))], {})


def test_a_set_is_written_by_set_members_only_over_all_batches() -> None:
    one = planner()
    one.plan([vote("a")], {})
    with pytest.raises(ViewError, match="is a set"):
        one.plan([Write("votes", DeleteOne({}))], {})


def test_no_counter_stands_in_a_set() -> None:
    with pytest.raises(ViewError, match="is a set"):
        planner().plan([SetMember("votes", "x", {}, (Counter("votes", "y", "n"),))], {})


def apply(documents: dict[str, dict[str, dict[str, Any]]], plan: Mapping[str, Sequence[Operation]]) -> None:
    """Do what MongoDB does with the operations that a planner makes of set members."""
    for name, operations in plan.items():
        collection = documents[name]
        for operation in operations:
            match operation:
                case InsertOne():
                    inserted = dict(operation._doc)
                    assert inserted["_id"] not in collection, "a duplicate key"
                    collection[inserted["_id"]] = inserted
                case ReplaceOne():
                    assert operation._filter["_id"] in collection
                    collection[operation._filter["_id"]] = dict(operation._doc)
                case DeleteOne():
                    del collection[operation._filter["_id"]]
                case UpdateOne():
                    assert isinstance(operation._doc, Mapping)
                    document = collection.setdefault(operation._filter["_id"], {"_id": operation._filter["_id"]})
                    for field, amount in operation._doc["$inc"].items():
                        document[field] = document.get(field, 0) + amount
                case _:
                    raise AssertionError(operation)


def project(batches: Sequence[Sequence[Change]]) -> dict[str, dict[str, dict[str, Any]]]:
    documents: dict[str, dict[str, dict[str, Any]]] = {"ideas": {}, "votes": {}}
    one = planner()
    for batch in batches:
        ids = set_ids(batch)
        present = {name: {i for i in found if i in documents[name]} for name, found in ids.items()}
        apply(documents, one.plan(batch, present))
    return documents


votes = st.lists(st.builds(vote, st.sampled_from("abc"), st.booleans(), st.sampled_from(["i1", "i2"])), max_size=30)


@given(votes, st.lists(st.integers(0, 30), max_size=6))
def test_the_cuts_between_batches_do_not_matter(changes: list[SetMember], cuts: list[int]) -> None:
    edges = sorted({0, len(changes), *(cut for cut in cuts if cut < len(changes))})
    batches = [changes[start:end] for start, end in itertools.pairwise(edges)]
    in_batches = project(batches)
    assert in_batches == project([[change] for change in changes]) == project([changes])
    for idea, document in in_batches["ideas"].items():
        assert document["votes"] == sum(id_.startswith(idea) for id_ in in_batches["votes"])
