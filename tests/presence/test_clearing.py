"""Logs of gateways that are gone make room, and no others do."""

from __future__ import annotations

from natter.bus import subjects
from natter.bus.api import Bus, StreamSpec
from natter.presence.clearing import LOOK_SECONDS, Clearing


async def filled(bus: Bus, *, bytes_max: int) -> None:
    await bus.ensure_stream(StreamSpec(subjects.DELIVERIES, ("natter.deliver.*",), bytes_max, in_memory=True))
    for number in range(30):
        await bus.publish(subjects.deliver(f"g{number % 3}"), b"x" * 1000)


async def logs(bus: Bus) -> set[str]:
    found = await bus.last_many(subjects.DELIVERIES, "natter.deliver.*")
    return {entry.subject.rpartition(".")[2] for entry in found}


async def test_only_under_pressure_and_only_what_nobody_needs_for_long(bus: Bus) -> None:
    await filled(bus, bytes_max=48 * 1024)
    now = 100.0
    clearing = Clearing(bus, lambda: now, read_seconds_max=20)
    await clearing.look({"g0", "g1"})
    now += 19.9
    await clearing.look({"g0"})
    assert await logs(bus) == {"g0", "g1", "g2"}
    # Not so soon again; then the one that nobody needed for so long.
    now += 0.2
    await clearing.look({"g0"})
    assert await logs(bus) == {"g0", "g1", "g2"}
    now += LOOK_SECONDS
    await clearing.look({"g0"})
    assert await logs(bus) == {"g0", "g1"}
    # Room again: nothing is urgent.
    now += 100
    await clearing.look(set())
    assert await logs(bus) == {"g0", "g1"}


async def test_not_while_there_is_room(bus: Bus) -> None:
    await filled(bus, bytes_max=1 << 20)
    now = 100.0
    clearing = Clearing(bus, lambda: now, read_seconds_max=0)
    for _ in range(3):
        await clearing.look(set())
        now += LOOK_SECONDS
    assert await logs(bus) == {"g0", "g1", "g2"}
