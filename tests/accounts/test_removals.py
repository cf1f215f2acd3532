"""Telling user shards of removed accounts: whatever dies, every removal is told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from natter.accounts import removals as module
from natter.accounts.removals import POSITION, Follower, Teller
from natter.bus import subjects
from natter.bus.api import Bus, PublishUnknown, Unavailable
from natter.bus.kv import Bucket
from natter.bus.memory import MemoryBus
from natter.bus.removal import AccountNews
from natter.proto.v1 import accounts_pb2, bus_pb2
from natter.telemetry import names

Eventually = Callable[..., Awaitable[None]]


async def write(bus: Bus, username: str, *, removed: bool = False) -> int:
    event = accounts_pb2.AccountEvent()
    if removed:
        event.removed.username, event.removed.time_us = username, 7
    else:
        event.registered.username = username
    payload = accounts_pb2.AccountEvents(events=[event]).SerializeToString()
    return await bus.publish(subjects.journal("account", username), payload)


class Ear:
    """A shard that may be deaf."""

    def __init__(self) -> None:
        self.heard: list[int] = []
        self.failed = 0
        self.deaf = False

    async def tell(self, news: AccountNews) -> None:
        if self.deaf:
            raise Unavailable("no")
        self.heard.append(news.revision)

    def fail(self) -> None:
        self.failed += 1

    async def follow(self, bus: Bus) -> Follower:
        follower = Follower(bus, self.tell, failed=self.fail)
        await follower.start()
        return follower


async def test_the_frame_goes_to_the_users_shard_once(bus: Bus) -> None:
    teller = Teller(bus, domain="natter.test", user_shards=2)
    news = AccountNews("alice", 17, 99, "cli")
    await teller.tell(news)
    await teller.tell(news)
    number = subjects.shard_of("alice@natter.test", 2)
    [entry] = await bus.read(subjects.SHARDS, subjects.shard("user", number))
    [frame] = bus_pb2.Envelope.FromString(entry.payload).frames
    assert (frame.type, frame.to, frame.sequence, frame.accepted_us) == ("account-removed", "alice@natter.test", 17, 99)
    assert frame.session == ""


async def test_an_unknown_outcome_is_repeated_and_then_said(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    class Unsure(MemoryBus):
        def publish(self, *args: object, **kwargs: object) -> asyncio.Future[int]:
            tried.append(kwargs["msg_id"])
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            future.set_exception(PublishUnknown("?"))
            return future

    with pytest.raises(PublishUnknown):
        await Teller(Unsure(), domain="natter.test", user_shards=2).tell(AccountNews("alice", 17, 99))
    assert tried == ["removals.17"] * module.ATTEMPTS_MAX


async def test_every_removal_is_told_also_what_happened_while_nobody_followed(bus: Bus, eventually: Eventually) -> None:
    ear = Ear()
    await write(bus, "alice")
    first = await write(bus, "alice", removed=True)
    follower = await ear.follow(bus)
    await eventually(lambda: ear.heard == [first])
    second = await write(bus, "bob", removed=True)
    await eventually(lambda: ear.heard == [first, second])
    await follower.close()
    third = await write(bus, "carol", removed=True)
    follower = await ear.follow(bus)
    await eventually(lambda: third in ear.heard)
    await follower.close()
    # The second may have been told again: its position was saved after it was told.
    assert ear.heard in ([first, second, third], [first, second, second, third])
    assert ear.failed == 0


async def test_what_was_not_told_is_told_by_the_next_one(bus: Bus, eventually: Eventually) -> None:
    ear = Ear()
    ear.deaf = True
    follower = await ear.follow(bus)
    removal = await write(bus, "alice", removed=True)
    await write(bus, "bob")
    await follower.close()
    ear.deaf = False
    follower = await ear.follow(bus)
    await eventually(lambda: ear.heard == [removal])
    await follower.close()


async def test_it_goes_on_when_the_bus_is_back(bus: Bus, eventually: Eventually) -> None:
    ear = Ear()
    ear.deaf = True
    follower = await ear.follow(bus)
    removal = await write(bus, "alice", removed=True)
    await asyncio.sleep(0)
    ear.deaf = False
    await eventually(lambda: ear.heard == [removal])
    await follower.close()


async def test_many_registrations_are_read_with_few_saves(
    bus: Bus, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENTRIES_UNSAVED_MAX", 20)
    monkeypatch.setattr(module, "ENTRIES_MAX", 4)
    for number in range(50):
        await write(bus, f"user{number}")
    ear = Ear()
    follower = await ear.follow(bus)
    removal = await write(bus, "user7", removed=True)
    await eventually(lambda: ear.heard == [removal])
    await eventually(lambda: follower._saved == removal)
    await follower.close()
    found = await Bucket(bus, subjects.POSITIONS).get(POSITION)
    assert found is not None and int(found.value) == removal


async def test_a_position_of_a_journal_that_was_lost_counts_for_nothing(bus: Bus, eventually: Eventually) -> None:
    await Bucket(bus, subjects.POSITIONS).put(POSITION, b"9999")
    removal = await write(bus, "alice", removed=True)
    ear = Ear()
    follower = await ear.follow(bus)
    await eventually(lambda: ear.heard == [removal])
    await follower.close()


async def test_what_it_cannot_read_is_counted_and_passed_over(bus: Bus, eventually: Eventually) -> None:
    ear = Ear()
    before = names.POISON.values.get((subjects.JOURNALS,), 0)
    follower = await ear.follow(bus)
    await bus.publish(subjects.journal("account", "alice"), b"\xff\xff junk")
    removal = await write(bus, "bob", removed=True)
    await eventually(lambda: ear.heard == [removal])
    assert names.POISON.values[(subjects.JOURNALS,)] == before + 1
    await follower.close()


async def test_what_it_did_not_expect_is_reported(bus: Bus, eventually: Eventually) -> None:
    class Broken(Ear):
        async def tell(self, news: AccountNews) -> None:
            raise RuntimeError("a mistake of ours")

    ear = Broken()
    follower = await ear.follow(bus)
    await write(bus, "bob", removed=True)
    await eventually(lambda: ear.failed == 1)
    await follower.close()
