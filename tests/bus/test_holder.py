"""Sharing, takeover and hand-over of shards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from natter.bus import subjects
from natter.bus.api import Bus, Entry
from natter.bus.holder import Holder, Shard
from natter.bus.kv import Bucket, bucket_spec
from natter.bus.memory import MemoryBus
from natter.telemetry import names

Eventually = Callable[..., Awaitable[None]]
LEASE_SECONDS = 0.5
COUNT = 4


class Team:
    """Holders of lanes that write down who took what."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.taken: dict[int, list[tuple[str, int]]] = {n: [] for n in range(COUNT)}
        self.holders: list[Holder] = []

    def holder(self, instance: str) -> Holder:
        team = self

        class Worker:
            def __init__(self, shard: Shard) -> None:
                self.shard = shard

            def take(self, entry: Entry) -> None:
                self.shard.progress.begin(entry.sequence)
                team.taken[self.shard.number].append((instance, int(entry.payload)))
                self.shard.progress.finish(entry.sequence)

            async def close(self) -> None:
                pass

        async def open_shard(shard: Shard) -> Worker:
            return Worker(shard)

        holder = Holder(
            self.bus,
            kind="lane",
            count=COUNT,
            service="router",
            instance=instance,
            open_shard=open_shard,
            lease_seconds=LEASE_SECONDS,
        )
        self.holders.append(holder)
        return holder

    def shares(self) -> list[int]:
        return [len(holder.shards) for holder in self.holders]

    def numbers(self, lane: int) -> list[int]:
        return [number for _, number in self.taken[lane]]


async def fill(bus: Bus, first: int, last: int) -> None:
    for number in range(first, last):
        for lane in range(COUNT):
            await bus.publish(subjects.lane(lane), str(number).encode())


def die(holder: Holder) -> None:
    """As kill -9: nothing runs any more, nothing is given back."""
    assert holder._instances._task is not None
    for task in (*holder._tasks, holder._instances._task):
        task.cancel()
    for runner in holder._runners.values():
        runner._task.cancel()
        if runner._subscription is not None:
            runner._subscription.pause()


async def sure(bus: Bus) -> Bus:
    await bus.ensure_stream(bucket_spec(subjects.LEASES, age_seconds=LEASE_SECONDS, in_memory=True))
    return bus


async def test_alone_it_holds_everything(bus: Bus, eventually: Eventually) -> None:
    team = Team(await sure(bus))
    holder = team.holder("router-1")
    await holder.start()
    await fill(bus, 0, 5)
    await eventually(lambda: all(team.numbers(lane) == list(range(5)) for lane in range(COUNT)))
    assert holder.opened and sorted(holder.shards) == [0, 1, 2, 3]
    assert holder.shards[2].name == "lane.2"
    await holder.stop()
    assert holder.shards == {} and not holder.opened
    assert len(await Bucket(bus, subjects.POSITIONS).values()) == COUNT
    assert await Bucket(bus, subjects.LEASES).values() == []


async def test_newcomer_gets_its_share_and_nothing_is_lost_or_twice(bus: Bus, eventually: Eventually) -> None:
    team = Team(await sure(bus))
    one, other = team.holder("router-1"), team.holder("router-2")
    await one.start()
    await eventually(lambda: team.shares() == [4, 0])
    await fill(bus, 0, 10)
    await other.start()
    filling = asyncio.create_task(fill(bus, 10, 100))
    await eventually(lambda: team.shares() == [2, 2])
    assert not set(one.shards) & set(other.shards)
    await filling
    # A hand-over in peace repeats nothing.
    await eventually(lambda: all(team.numbers(lane) == list(range(100)) for lane in range(COUNT)))
    await one.stop()
    await eventually(lambda: team.shares() == [0, 4])
    await fill(bus, 100, 105)
    await eventually(lambda: all(team.numbers(lane) == list(range(105)) for lane in range(COUNT)))
    await other.stop()


async def test_the_dead_are_replaced_from_their_position(bus: Bus, eventually: Eventually) -> None:
    team = Team(await sure(bus))
    one, other = team.holder("router-1"), team.holder("router-2")
    await one.start()
    await other.start()
    await eventually(lambda: sorted(team.shares()) == [2, 2])
    await fill(bus, 0, 20)
    await eventually(lambda: all(team.numbers(lane) == list(range(20)) for lane in range(COUNT)))
    async with asyncio.timeout(30):
        while not all(int(v.value) > 76 for v in await Bucket(bus, subjects.POSITIONS).values()):
            await asyncio.sleep(0.01)
    # Whoever has lost a lease on a busy machine has it back, or the other one has.
    theirs, before = set(one.shards), {lane: len(taken) for lane, taken in team.taken.items()}
    die(one)
    await fill(bus, 20, 30)
    await eventually(lambda: len(other.shards) == 4)
    await eventually(lambda: all(team.numbers(lane)[-1] == 29 for lane in range(COUNT)))
    for lane in theirs:
        taken = team.taken[lane][before[lane] :]
        assert list(dict.fromkeys(number for who, number in taken if who == "router-2")) == list(range(20, 30))
    await other.stop()


async def test_restarted_instance_takes_its_own_at_once(
    bus: Bus, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nobody waits for so long.
    monkeypatch.setitem(globals(), "LEASE_SECONDS", 600.0)
    team = Team(await sure(bus))
    before, after = team.holder("router-1"), team.holder("router-1")
    await before.start()
    await eventually(lambda: len(before.shards) == 4)
    die(before)
    await after.start()
    await eventually(lambda: len(after.shards) == 4)
    await after.stop()


async def test_outage_longer_than_the_lease_is_sat_out(eventually: Eventually) -> None:
    bus = MemoryBus()
    for spec in subjects.streams(lease_seconds=LEASE_SECONDS):
        await bus.ensure_stream(spec)
    team = Team(bus)
    holder = team.holder("router-1")
    await holder.start()
    await fill(bus, 0, 3)
    await eventually(lambda: all(team.numbers(lane) == [0, 1, 2] for lane in range(COUNT)))
    shards = dict(holder.shards)
    bus.disconnect()
    await asyncio.sleep(2 * LEASE_SECONDS)
    bus.reconnect()
    await fill(bus, 3, 5)
    await eventually(lambda: all(team.numbers(lane) == list(range(5)) for lane in range(COUNT)))
    # Nobody else had them, so nothing was opened again.
    assert holder.shards == shards
    await holder.stop()


async def test_frozen_holder_finds_out(bus: Bus, eventually: Eventually) -> None:
    team = Team(await sure(bus))
    frozen, other = team.holder("router-1"), team.holder("router-2")
    await frozen.start()
    await eventually(lambda: len(frozen.shards) == 4)
    tasks = frozen._tasks
    for task in (*tasks, frozen._instances._task):
        assert task is not None
        task.cancel()
    await other.start()
    await eventually(lambda: len(other.shards) == 4)
    # It wakes up: the next round tells it.
    await frozen._round()
    assert not set(frozen.shards) & set(other.shards)
    await frozen.stop()
    await other.stop()


@pytest.mark.parametrize("count", [1, 3])
async def test_more_instances_than_shards(eventually: Eventually, count: int) -> None:
    bus = MemoryBus()
    team = Team(bus)
    for spec in subjects.streams(lease_seconds=LEASE_SECONDS):
        await bus.ensure_stream(spec)
    holders = [team.holder(f"router-{n}") for n in range(5)]
    for holder in holders:
        holder._count = count
        await holder.start()
    await eventually(lambda: sorted(team.shares()) == sorted([1] * count + [0] * (5 - count)))
    for holder in holders:
        await holder.stop()


async def test_what_it_holds_and_what_waits_is_counted(bus: Bus, eventually: Eventually) -> None:
    team = Team(bus)
    taken = names.LEASE_CHANGES.values.get(("lane", "taken"), 0)
    given = names.LEASE_CHANGES.values.get(("lane", "given"), 0)
    holder = team.holder("a")
    await holder.start()
    mine = [("lane", str(n)) for n in range(COUNT)]
    await eventually(lambda: all(key in names.BACKLOG.values for key in mine))
    assert {names.BACKLOG.values[key] for key in mine} == {0}
    await holder.stop()
    assert not any(key in names.BACKLOG.values for key in mine)
    assert names.LEASE_CHANGES.values["lane", "taken"] - taken == COUNT
    assert names.LEASE_CHANGES.values["lane", "given"] - given == COUNT
