"""In-session requests through the shard: answers to the asker's gateway, positions, repetitions, outages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial

import pytest
from natter.accounts.account.state import Cause
from natter.accounts.book import Book
from natter.accounts.keys import Deriver
from natter.accounts.removals import Teller
from natter.accounts.shard import AccountShard
from natter.bus.api import Bus, Entry, Start, Unavailable
from natter.bus.directory import Directory, gateway_of
from natter.bus.holder import Shard
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.bus.subjects import DELIVERIES, deliver
from natter.proto.v1 import bus_pb2
from natter.telemetry import names
from natter.xmpp.element import parse

JID = "alice@example.org/phone"
CANARY = "canary-password-e0"


@dataclass
class Rig:
    shard: Shard
    worker: AccountShard
    book: Book
    bus: Bus
    restarts: list[int]
    answers: list[bus_pb2.Frame]
    arrived: asyncio.Event

    async def say(self, sequence: int, *frames: bus_pb2.Frame, source: str = "lane.0") -> None:
        envelope = bus_pb2.Envelope(source=source, frames=frames)
        self.worker.take(Entry("natter.shard.account.0", sequence, envelope.SerializeToString()))

    async def answered(self, count: int) -> list[bus_pb2.Frame]:
        async with asyncio.timeout(30):
            while len(self.answers) < count:
                self.arrived.clear()
                await self.arrived.wait()
        return self.answers

    async def position(self, wanted: int) -> None:
        async with asyncio.timeout(30):
            while self.shard.progress.position < wanted:
                await asyncio.sleep(0.005)


def iq(content: str, *, sequence: int = 1, index: int = 0, type: str = "set", session: str = "s1") -> bus_pb2.Frame:
    stanza = f"<iq type='{type}' id='i{sequence}' from='{JID}'><query xmlns='jabber:iq:register'>{content}</query></iq>"
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_IQ,
        type=type,
        id=f"i{sequence}",
        sender=JID,
        session=session,
        stanza=stanza.encode(),
        sequence=sequence,
        index=index,
    )


def change(password: str, **options: int) -> bus_pb2.Frame:
    return iq(f"<username>alice</username><password>{password}</password>", **options)  # type: ignore[arg-type]


@pytest.fixture
async def rig(bus: Bus) -> AsyncIterator[Rig]:
    deriver = Deriver(iterations=4096, threads=1, waiting_max=8)
    book = Book(
        bus,
        deriver,
        secret=b"s" * 32,
        iterations=4096,
        now_us=lambda: 1,
        tell=Teller(bus, domain="natter.test", user_shards=2).tell,
    )
    directory = Directory(bus)
    await directory.start()
    await directory.create(bus_pb2.SessionRecord(session="s1", gateway="g1", jid=JID))
    restarts: list[int] = []
    shard = Shard("account", 0, "account.0", Progress(0), 0, lambda: restarts.append(1))
    answers: list[bus_pb2.Frame] = []
    arrived = asyncio.Event()

    def on_delivery(entry: Entry) -> None:
        answers.extend(bus_pb2.Envelope.FromString(entry.payload).frames)
        arrived.set()

    reading = await bus.subscribe(DELIVERIES, [deliver("g1")], on_delivery, start=Start.ALL)
    worker = AccountShard(
        shard,
        book=book,
        find=partial(gateway_of, bus),
        senders=Senders(bus, "account.0", "test"),
        changes_allowed=True,
        entries_max=2,
    )
    await book.register("alice", "first", by="cli")
    yield Rig(shard, worker, book, bus, restarts, answers, arrived)
    await worker.close()
    await reading.stop()
    await directory.stop()
    deriver.close()


async def test_questions_changes_and_the_end(rig: Rig) -> None:
    before = (await rig.book.credentials("alice"))[1]
    await rig.say(1, iq("", type="get"))
    await rig.say(2, change("second", sequence=2), iq("<remove/>", sequence=3))
    answers = await rig.answered(3)
    assert [(a.type, a.id) for a in answers] == [("result", "i1"), ("result", "i2"), ("result", "i3")]
    for answer in answers:
        assert list(answer.sessions) == ["s1"] and answer.to == JID and answer.sequence == 0
        assert parse(answer.stanza).get("to") == JID and not answer.tos
    exists, keys, _ = await rig.book.credentials("alice")
    assert not exists and keys != before
    await rig.position(2)


async def test_refusals_are_stanza_errors(rig: Rig) -> None:
    await rig.say(1, iq("<remove/><username/>"), change("\x07", sequence=2))
    await rig.say(2, iq("<remove/>", sequence=3), iq("<remove/>", sequence=4))
    answers = await rig.answered(4)
    conditions = [parse(a.stanza).find(".//{*}error") for a in answers]
    found = [None if c is None else c[0].tag.rpartition("}")[2] for c in conditions]
    assert found[0] == "bad-request" and found[2:] == [None, "registration-required"]
    assert [a.type for a in answers] == ["error", "error", "result", "error"]


async def test_a_repeated_frame_is_answered_and_changes_nothing(rig: Rig) -> None:
    await rig.say(1, change("second", sequence=5))
    await rig.answered(1)
    await rig.book.change_password("alice", "third", by="cli")
    keys = (await rig.book.credentials("alice"))[1]
    await rig.say(2, change("second", sequence=5))
    assert (await rig.answered(2))[1].type == "result"
    assert (await rig.book.credentials("alice"))[1] == keys


async def test_what_needs_no_answer_moves_the_position(rig: Rig) -> None:
    poison = names.POISON.values.get(("SHARDS",), 0)
    await rig.say(1, iq("", type="result"), bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE))
    await rig.say(2, iq("", type="get", session="gone"))
    rig.worker.take(Entry("natter.shard.account.0", 3, b"\xff\xff"))
    await rig.position(3)
    assert rig.answers == [] and names.POISON.values[("SHARDS",)] == poison + 1


async def test_it_is_full_when_enough_waits(rig: Rig) -> None:
    assert not rig.worker.full()
    await rig.say(1, iq("", type="get"))
    await rig.say(2, iq("", type="get", sequence=2))
    assert rig.worker.full()
    await rig.answered(2)
    await rig.position(2)
    assert not rig.worker.full()


async def test_an_outage_delays_and_loses_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[str] = []
    real = rig.book.change_password

    async def flaky(username: str, password: str, *, by: str, cause: Cause) -> None:
        tries.append(username)
        if len(tries) < 3:
            raise Unavailable
        await real(username, password, by=by, cause=cause)

    monkeypatch.setattr(rig.book, "change_password", flaky)
    await rig.say(1, change("second"))
    assert [a.type for a in await rig.answered(1)] == ["result"] and len(tries) == 3


async def test_a_fault_is_answered_and_no_password_is_logged(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(username: str, password: str, *, by: str, cause: Cause) -> None:
        raise RuntimeError(password)

    monkeypatch.setattr(rig.book, "change_password", broken)
    await rig.say(1, change(CANARY))
    [answer] = await rig.answered(1)
    assert b"internal-server-error" in answer.stanza and CANARY.encode() not in answer.SerializeToString()
    assert CANARY not in caplog.text and rig.restarts == []
