"""One held shard: position, restart, poison, fullness."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from natter.bus import shard as module
from natter.bus import subjects
from natter.bus.api import Bus, BusError, Entry, WrongRevision
from natter.bus.kv import Bucket
from natter.bus.nats import connect
from natter.bus.shard import Shard, ShardRunner
from natter.runtime.jsonlog import JsonFormatter
from natter.telemetry import names

Eventually = Callable[..., Awaitable[None]]
FOR_EVER = float("inf")


class Recorder:
    """Opens workers that remember what they took, and fail on command."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.closed = 0
        self.taken: list[int] = []
        self.poison: set[int] = set()
        self.is_full = False
        self.open_failures = 0
        self.holding = False
        self.shard: Shard | None = None

    async def open(self, shard: Shard) -> Recorder:
        if self.open_failures:
            self.open_failures -= 1
            raise RuntimeError("cannot open")
        self.opened.append(shard.position)
        self.shard = shard
        return self

    def take(self, entry: Entry) -> None:
        assert self.shard is not None
        number = int(entry.payload)
        self.shard.progress.begin(entry.sequence)
        if number in self.poison:
            raise RuntimeError("poison")
        self.taken.append(number)
        if not self.holding:
            self.shard.progress.finish(entry.sequence)

    def full(self) -> bool:
        return self.is_full

    async def close(self) -> None:
        self.closed += 1


async def fill(bus: Bus, first: int, last: int) -> None:
    for number in range(first, last):
        await bus.publish(subjects.shard("user", 3), str(number).encode())


def run(bus: Bus, recorder: Recorder, deadline: float = FOR_EVER) -> ShardRunner:
    return ShardRunner(bus, "user", 3, open_shard=recorder.open, deadline=lambda name: deadline)


async def position(bus: Bus) -> int:
    found = await Bucket(bus, subjects.POSITIONS).get("user.3")
    return int(found.value) if found else -1


async def test_goes_on_where_the_one_before_stopped(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    await fill(bus, 0, 10)
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken == list(range(10)))
    await runner.stop(graceful=True)
    assert recorder.closed == 1
    assert await position(bus) == 10
    await fill(bus, 10, 15)
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken == list(range(15)))
    assert recorder.opened == [0, 10]
    await runner.stop(graceful=True)


async def test_what_is_not_finished_comes_again(
    bus: Bus, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DRAIN_SECONDS_MAX", 0.05)
    recorder = Recorder()
    await fill(bus, 0, 3)
    runner = run(bus, recorder)
    await eventually(lambda: len(recorder.taken) == 3)
    recorder.holding = True
    await fill(bus, 3, 5)
    await eventually(lambda: len(recorder.taken) == 5)
    await runner.stop(graceful=True)
    assert await position(bus) == 3
    recorder.holding = False
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken == [0, 1, 2, 3, 4, 3, 4])
    await runner.stop(graceful=True)


async def test_lost_shard_saves_nothing(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    runner = run(bus, recorder)
    await fill(bus, 0, 3)
    await eventually(lambda: len(recorder.taken) == 3)
    await runner.stop(graceful=False)
    assert await position(bus) == 0


async def test_older_holder_cannot_save(bus: Bus, eventually: Eventually) -> None:
    old, new = Recorder(), Recorder()
    first = run(bus, old)
    await fill(bus, 0, 3)
    await eventually(lambda: len(old.taken) == 3)
    second = run(bus, new)
    await eventually(lambda: len(new.taken) == 3)
    with pytest.raises(WrongRevision):
        await first.save()
    await second.save()
    assert await position(bus) == 3
    await first.stop(graceful=False)
    await second.stop(graceful=True)


async def test_restart_on_request(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    runner = run(bus, recorder)
    await fill(bus, 0, 3)
    await eventually(lambda: len(recorder.taken) == 3)
    assert recorder.shard is not None
    recorder.shard.restart()
    await eventually(lambda: len(recorder.opened) == 2)
    await fill(bus, 3, 5)
    await eventually(lambda: recorder.taken == list(range(5)))
    assert recorder.opened == [0, 3]
    await runner.stop(graceful=True)


async def test_open_is_tried_again(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    recorder.open_failures = 2
    await fill(bus, 0, 1)
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken == [0])
    await runner.stop(graceful=True)


async def test_poison_is_parked_after_three_attempts(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    recorder.poison = {2}
    before = names.POISON.values.get((subjects.SHARDS,), 0)
    await fill(bus, 0, 5)
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken[-2:] == [3, 4])
    assert len(recorder.opened) == module.ATTEMPTS_MAX + 1
    assert names.POISON.values[(subjects.SHARDS,)] == before + 1
    await eventually(lambda: recorder.shard is not None and recorder.shard.progress.position == 5)
    [parked] = await Bucket(bus, subjects.PARKED).values()
    assert parked.key == "user.3.3"
    note = json.loads(parked.value)
    assert (note["js_stream"], note["subject"], note["sequence"]) == ("SHARDS", "natter.shard.user.3", 3)
    assert (note["bytes"], note["attempts"]) == (1, module.ATTEMPTS_MAX)
    assert re.fullmatch(r"RuntimeError at test_shard\.py:\d+", note["reason"])
    await runner.stop(graceful=True)
    assert await position(bus) == 5


async def test_entry_that_fails_once_is_not_parked(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    recorder.poison = {2}
    await fill(bus, 0, 5)
    runner = run(bus, recorder)
    await eventually(lambda: len(recorder.opened) == 2)
    recorder.poison.clear()
    await eventually(lambda: recorder.taken == list(range(5)))
    assert await Bucket(bus, subjects.PARKED).values() == []
    await runner.stop(graceful=True)


async def test_full_worker_gets_nothing_more(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    recorder.is_full = True
    await fill(bus, 0, 200)
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken)
    await asyncio.sleep(5 * module.FULL_SECONDS)
    assert recorder.taken == [0]
    recorder.is_full = False
    await eventually(lambda: recorder.taken == list(range(200)))
    await runner.stop(graceful=True)


async def test_nothing_is_taken_when_the_lease_may_be_gone(bus: Bus, eventually: Eventually) -> None:
    recorder = Recorder()
    await fill(bus, 0, 10)
    runner = run(bus, recorder, deadline=0.0)
    await eventually(lambda: recorder.taken)
    await asyncio.sleep(5 * module.FULL_SECONDS)
    # The first one shows it.
    assert recorder.taken == [0]
    await runner.stop(graceful=False)


async def test_lost_js_stream_starts_again(bus: Bus, eventually: Eventually) -> None:
    await Bucket(bus, subjects.POSITIONS).put("user.3", b"1000")
    await fill(bus, 0, 3)
    recorder = Recorder()
    runner = run(bus, recorder)
    await eventually(lambda: recorder.taken == [0, 1, 2])
    await runner.stop(graceful=True)
    assert await position(bus) == 3


async def test_a_log_in_memory_that_is_made_again_goes_on_above(own_nats_server: Any, eventually: Eventually) -> None:
    bus = await connect(own_nats_server.url, name="test")
    for spec in subjects.streams():
        in_memory = spec.name == subjects.SHARDS
        await bus.ensure_stream(replace(spec, in_memory=in_memory, rising=in_memory))
    recorder = Recorder()
    runner = run(bus, recorder)
    await fill(bus, 0, 3)
    await eventually(lambda: recorder.taken == [0, 1, 2])
    assert recorder.shard is not None
    before = recorder.shard.progress.position
    await runner.save()
    own_nats_server.kill()
    own_nats_server.start()
    await eventually(bus.connected, seconds_max=10.0)
    end = asyncio.get_running_loop().time() + 10
    while asyncio.get_running_loop().time() < end:
        try:
            await fill(bus, 3, 5)
            break
        except BusError:
            await asyncio.sleep(0.05)
    await eventually(lambda: {3, 4} <= set(recorder.taken), seconds_max=15.0)
    # Once each, by the same worker: to it, nothing was lost but time.
    await eventually(lambda: recorder.shard.progress.position > before)
    assert sorted(recorder.taken) == [0, 1, 2, 3, 4]
    await runner.stop(graceful=False)
    await bus.close()


def test_what_a_shard_reads() -> None:
    assert module.stream_of("lane", 2) == (subjects.LANES, "natter.lane.2")
    assert module.stream_of("room", 2) == (subjects.SHARDS, "natter.shard.room.2")


async def test_what_is_in_a_poison_entry_is_in_no_note_and_no_log(
    bus: Bus, eventually: Eventually, caplog: pytest.LogCaptureFixture
) -> None:
    class Quoting(Recorder):
        def take(self, entry: Entry) -> None:
            raise ValueError(f"cannot read {entry.payload!r}")

    await bus.publish(subjects.shard("user", 3), b"<message><body>canary-5e1f</body></message>")
    recorder = Quoting()
    runner = run(bus, recorder)
    await eventually(lambda: recorder.shard is not None and recorder.shard.progress.position == 1)
    await runner.stop(graceful=True)
    [parked] = await Bucket(bus, subjects.PARKED).values()
    assert b"canary" not in parked.value
    assert "is parked" in caplog.text
    # As the processes log: an error's own words may quote the entry.
    lines = [JsonFormatter("router", "router-1").format(record) for record in caplog.records]
    assert any("entry 1 failed" in line for line in lines)
    assert not [line for line in lines if "canary" in line]


@pytest.mark.parametrize("graceful", [True, False])
async def test_stops_though_a_cancellation_was_swallowed(bus: Bus, graceful: bool) -> None:
    opening = asyncio.Event()

    class Swallowing(Recorder):
        async def open(self, shard: Shard) -> Recorder:
            opening.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
            return await super().open(shard)

    recorder = Swallowing()
    runner = run(bus, recorder)
    await opening.wait()
    async with asyncio.timeout(30):
        await runner.stop(graceful=graceful)
    assert recorder.closed == len(recorder.opened) == 1


async def test_reasons_name_a_place_and_quote_nothing() -> None:
    try:
        raise KeyError("canary")
    except KeyError as error:
        assert re.fullmatch(r"KeyError at test_shard\.py:\d+", module.reason_of(error))
    assert module.reason_of(ValueError("canary")) == "ValueError"
