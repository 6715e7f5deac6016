"""The door to the database: what a connection string decides, transactions, and which errors pass."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from bson.errors import InvalidDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    DocumentTooLarge,
    DuplicateKeyError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteError,
)

from libs.shared.ids import uuid7
from libs.shared.mongo import (
    Database,
    connect,
    described,
    is_transient,
    is_write_conflict,
    service_database,
    transaction,
)


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[Database]:
    client = connect(mongo_url)
    made = client[f"test_{uuid7()}"]
    await made.create_collection("things")
    yield made
    await client.drop_database(made.name)
    client.close()


def test_the_connection_string_decides_about_retries_and_the_replica_set() -> None:
    embedded: Any = connect("mongodb://127.0.0.1:1/?retryWrites=false").options
    assert embedded.retry_writes is False
    cluster: Any = connect("mongodb://a:1,b:1/?replicaSet=rs0").options
    assert (cluster.retry_writes, cluster.replica_set_name) == (True, "rs0")
    assert cluster.pool_options.appname == "archipel"


def test_each_service_has_a_database_of_its_own() -> None:
    client = connect("mongodb://127.0.0.1:1/")
    assert {service_database(client, name).name for name in ("members", "events")} == {
        "archipel_members",
        "archipel_events",
    }


async def test_integers_and_times_come_back_as_python_has_them(database: Database) -> None:
    stored = {
        "_id": 1,
        "small": 5,
        "large": 2**40,
        "nested": [{"ms": -(2**40)}],
        "at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    await database["things"].insert_one(stored)
    found = await database["things"].find_one({"_id": 1})
    assert found == stored
    assert found is not None
    assert type(found["large"]) is int
    assert type(found["nested"][0]["ms"]) is int


async def test_a_transaction_is_whole(database: Database) -> None:
    async with transaction(database) as session:
        await database["things"].insert_one({"_id": 1}, session=session)
        assert await database["things"].find_one({"_id": 1}) is None
    assert await database["things"].find_one({"_id": 1}) == {"_id": 1}


async def test_an_exception_takes_a_transaction_back(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with transaction(database) as session:
            await database["things"].insert_one({"_id": 1}, session=session)
            raise ZeroDivisionError
    assert await database["things"].find_one({"_id": 1}) is None


async def test_of_two_writers_of_one_document_the_second_conflicts(database: Database) -> None:
    await database["things"].insert_one({"_id": 1})
    async with transaction(database) as first:
        await database["things"].update_one({"_id": 1}, {"$set": {"by": "first"}}, session=first)
        with pytest.raises(OperationFailure) as refused:
            async with transaction(database) as second:
                await database["things"].update_one({"_id": 1}, {"$set": {"by": "second"}}, session=second)
        assert is_write_conflict(refused.value)
        assert is_transient(refused.value)
    assert await database["things"].find_one({"_id": 1}) == {"_id": 1, "by": "first"}


async def test_a_duplicate_key_does_not_pass(database: Database) -> None:
    await database["things"].insert_one({"_id": 1})
    with pytest.raises(DuplicateKeyError) as refused:
        await database["things"].insert_one({"_id": 1})
    assert not is_write_conflict(refused.value)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (AutoReconnect("gone"), True),
        (ServerSelectionTimeoutError("away"), True),
        (OperationFailure("not primary", 10107), True),
        (OperationFailure("not authorised yet", 13), True),
        (BulkWriteError({"writeErrors": [{"code": 112}]}), True),
        (BulkWriteError({"writeErrors": [{"code": 11000}], "errorLabels": ["TransientTransactionError"]}), True),
        (BulkWriteError({"writeErrors": [{"code": 11000}]}), False),
        (DocumentTooLarge("17 MB"), False),
        (InvalidDocument("a set"), False),
        (OverflowError("too large an int"), False),
        (ValueError("a fault"), False),
    ],
)
def test_what_may_be_tried_again(error: Exception, passes: bool) -> None:
    assert is_transient(error) is passes


async def test_what_is_told_of_a_failed_write_quotes_no_document(database: Database) -> None:
    things = database["things"]
    await things.create_index("name", unique=True)
    await things.insert_one({"_id": 1, "name": "Ada Marked"})
    with pytest.raises(BulkWriteError, match="Ada Marked") as many:
        await things.insert_many([{"_id": 2, "name": "Ada Marked"}])
    with pytest.raises(WriteError) as one:
        await things.insert_one({"_id": 2, "name": "Ada Marked"})
    assert [described(error.value) for error in (many, one)] == [
        "BulkWriteError: codes [11000]",
        "DuplicateKeyError: code 11000",
    ]
    assert described(ValueError("a fault")) == "ValueError: a fault"
