"""One JetStream stream as its writers see it: messages stored exactly once, and reads that its leader answers."""

import base64
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from libs.shared.event_store import WrongExpectation
from libs.shared.ids import uuid7
from libs.shared.inbox import Inbox, NotAnswered
from libs.shared.jetstream_api import (
    ANSWER_SECONDS,
    BATCH_STORED_BEFORE,
    GONE,
    NOT_FOUND,
    WRONG_EXPECTATION,
    Ack,
    Found,
    Get,
    Patience,
    decode_ack,
    decode_get,
)


class Message(NamedTuple):
    """One message to be stored.

    `id` is what the server knows repeats by; `expected` the sequence of the subject's last message, 0 for none, `None`
    for any.
    """

    subject: str
    id: str
    data: bytes
    expected: int | None
    content_type: str = "application/json"

    def headers(self) -> dict[str, str]:
        """What goes with the data."""
        headers = {"Nats-Msg-Id": self.id, "Content-Type": self.content_type}
        if self.expected is not None:
            headers["Nats-Expected-Last-Subject-Sequence"] = str(self.expected)
        return headers


class StreamClient:
    """Writes to one stream and asks its leader.  All methods raise `Unavailable` after 20 s without an answer."""

    def __init__(self, inbox: Inbox, stream: str) -> None:
        self._inbox = inbox
        self._stream = stream

    async def store(self, messages: Sequence[Message]) -> list[int]:
        """Store all messages or none, and return their sequences; raises `WrongExpectation` when none was stored.

        It sends until it is certain that all stand in the stream, or that none does and none will.
        """
        patience = Patience()
        maybe_stored = False
        while True:
            try:
                ack = await (self._send(messages[0]) if len(messages) == 1 else self._send_batch(messages))
            except NotAnswered as problem:
                maybe_stored = maybe_stored or problem.maybe_done
                reason = str(problem)
            else:
                error = ack.error
                if error is None:
                    return list(range(ack.seq - len(messages) + 1, ack.seq + 1))
                if error.err_code in WRONG_EXPECTATION and not maybe_stored:
                    raise WrongExpectation(error.description)
                if error.err_code in WRONG_EXPECTATION or error.err_code == BATCH_STORED_BEFORE:
                    found = await self._find(messages)
                    if found is not None:
                        return found
                else:
                    error.raise_if_final()
                reason = error.description
            await patience.pause(reason)

    async def delete(self, sequence: int) -> None:
        """Take a message out of the stream, its bytes on disk overwritten; one that is gone already stays gone."""
        request = msgspec.json.encode({"seq": sequence})
        patience = Patience()
        while True:
            try:
                reply = await self._inbox.request(f"$JS.API.STREAM.MSG.DELETE.{self._stream}", request, ANSWER_SECONDS)
            except NotAnswered as problem:
                reason = str(problem)
            else:
                error = decode_ack(reply.data).error
                if error is None or error.err_code in GONE:
                    return
                error.raise_if_final()
                reason = error.description
            await patience.pause(reason)

    async def _send(self, message: Message) -> Ack:
        reply = await self._inbox.request(message.subject, message.data, ANSWER_SECONDS, message.headers())
        return decode_ack(reply.data)

    async def _send_batch(self, messages: Sequence[Message]) -> Ack:
        """Send an atomic batch (NATS ADR-50): only the last message is answered, for all of them."""
        batch = uuid7()
        for number, message in enumerate(messages, 1):
            headers = message.headers() | {"Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(number)}
            if number < len(messages):
                await self._inbox.publish(message.subject, message.data, headers)
        headers["Nats-Batch-Commit"] = "1"
        reply = await self._inbox.request(message.subject, message.data, ANSWER_SECONDS, headers)
        return decode_ack(reply.data)

    async def _find(self, messages: Sequence[Message]) -> list[int] | None:
        """Return where the messages stand; None while nothing does; raises `WrongExpectation` when others do."""
        sequences = []
        for message in messages:
            found = await self.ask_leader(Get(seq=(message.expected or 0) + 1, next_by_subj=message.subject))
            if found is None:
                return None
            if _header(found, "Nats-Msg-Id") != message.id:
                raise WrongExpectation(f"{message.subject} went on after {message.expected}")
            sequences.append(found.seq)
        return sequences

    async def ask_leader(self, request: Get) -> Found | None:
        """Return one message as the leader has it, None when there is none."""
        patience = Patience()
        while True:
            try:
                address = f"$JS.API.STREAM.MSG.GET.{self._stream}"
                reply = await self._inbox.request(address, request.encode(), ANSWER_SECONDS)
            except NotAnswered as problem:
                reason = str(problem)
            else:
                answer = decode_get(reply.data)
                if answer.error is None or answer.error.err_code == NOT_FOUND:
                    return answer.message
                answer.error.raise_if_final()
                reason = answer.error.description
            await patience.pause(reason)


def _header(found: Found, name: str) -> str:
    lines = base64.b64decode(found.hdrs).decode().split("\r\n")
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:")), "")
