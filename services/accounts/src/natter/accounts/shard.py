"""The account shard: requests of users about their own account, made inside a session, one after the other."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, assert_never

from google.protobuf.message import DecodeError
from natter.bus.api import BusError, Entry
from natter.bus.holder import Shard
from natter.bus.sender import Senders
from natter.bus.subjects import deliver
from natter.proto.v1 import bus_pb2
from natter.telemetry import names
from natter.xmpp import jid
from natter.xmpp.sasl.keys import PasswordError

from .account.decide import Refused as Undecidable
from .account.state import Cause
from .book import Book
from .keys import Busy
from .removals import Follower
from .xeps import registration
from .xeps.registration import ChangePassword, Remove, Show

log = logging.getLogger(__name__)

RETRY_SECONDS_MAX = 2.0

# The IQ type and the stanza.
Answer = tuple[str, bytes]
T = TypeVar("T")
# Full JID and session in, gateway out, "" for nobody. Raises `BusError`.
Find = Callable[[str, str], Awaitable[str]]


class AccountShard:
    """Works off the shard's entries in order. Answers go to the asker's gateway; an asker who left gets none."""

    def __init__(
        self,
        shard: Shard,
        *,
        book: Book,
        find: Find,
        senders: Senders,
        changes_allowed: bool,
        entries_max: int,
        follower: Follower | None = None,
    ) -> None:
        self._shard = shard
        self._book = book
        self._find = find
        self._senders = senders
        self._changes_allowed = changes_allowed
        self._entries_max = entries_max
        self._follower = follower
        self._entries: deque[Entry] = deque()
        self._arrived = asyncio.Event()
        self._task = asyncio.create_task(self._work(), name=shard.name)
        self._task.add_done_callback(self._ended)

    def take(self, entry: Entry) -> None:
        """One envelope of the shard's subject."""
        self._shard.progress.begin(entry.sequence)
        self._entries.append(entry)
        self._arrived.set()

    def full(self) -> bool:
        """Whether to leave further entries on the bus for now."""
        return len(self._entries) >= self._entries_max

    async def close(self) -> None:
        """Stop; the next holder repeats what was not finished."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._follower is not None:
            await self._follower.close()
        await self._senders.close()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("the account shard stopped: %r", type(task.exception()).__name__)
            self._shard.restart()

    async def _work(self) -> None:
        while True:
            while not self._entries:
                self._arrived.clear()
                await self._arrived.wait()
            entry = self._entries[0]
            try:
                envelope = bus_pb2.Envelope.FromString(entry.payload)
            except DecodeError:
                names.POISON.add("SHARDS")
                envelope = bus_pb2.Envelope()
            for frame in envelope.frames:
                await self._frame(entry.sequence, envelope.source, frame)
            self._entries.popleft()
            self._shard.progress.finish(entry.sequence)

    async def _frame(self, sequence: int, source: str, frame: bus_pb2.Frame) -> None:
        if frame.kind != bus_pb2.KIND_IQ or frame.type not in ("get", "set"):
            return
        find = partial(self._find, frame.sender, frame.session)
        # Before the work: an account that is removed takes its sessions along.
        gateway = await until_the_bus_answers(find)
        try:
            cause = Cause(source, frame.sequence, frame.index)
            kind, stanza = await until_the_bus_answers(partial(self._answer, cause, frame))
        except Exception as error:
            # The request's text stays out of the log: it has the password in it.
            log.error("in-session request failed: %s", type(error).__name__)
            kind, stanza = "error", registration.refusal(frame, "internal-server-error")
        gateway = gateway or await until_the_bus_answers(find)
        if not gateway:
            return
        answer = bus_pb2.Frame(
            kind=bus_pb2.KIND_IQ,
            type=kind,
            sender=frame.to,
            to=frame.sender,
            id=frame.id,
            stanza=stanza,
            sessions=[frame.session],
            traceparent=frame.traceparent,
            accepted_us=frame.accepted_us,
        )
        progress = self._shard.progress
        progress.expect(sequence)
        self._senders.add(deliver(gateway), answer, partial(progress.done, sequence))

    async def _answer(self, cause: Cause, frame: bus_pb2.Frame) -> Answer:
        username = jid.local_of(frame.sender)
        try:
            match registration.read(frame, changes_allowed=self._changes_allowed):
                case Show():
                    return "result", registration.on_file(frame)
                case ChangePassword(password=password):
                    await self._book.change_password(username, password, by=frame.sender, cause=cause)
                case Remove():
                    await self._book.remove(username, by=frame.sender, cause=cause)
                case other:
                    assert_never(other)
        except registration.Refused as error:
            return "error", registration.refusal(frame, error.condition, error.text)
        except PasswordError as error:
            return "error", registration.refusal(frame, "not-acceptable", str(error))
        except Undecidable:
            # XEP-0077 §3.2: the sender has no registration (any more).
            return "error", registration.refusal(frame, "registration-required")
        except Busy:
            return "error", registration.refusal(frame, "resource-constraint")
        return "result", registration.done(frame)


async def until_the_bus_answers(work: Callable[[], Awaitable[T]]) -> T:
    """The result of `work`. While the bus is away nothing could be answered either: try again."""
    pause = 0.05
    while True:
        try:
            return await work()
        except BusError:
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(RETRY_SECONDS_MAX, pause * 2)
