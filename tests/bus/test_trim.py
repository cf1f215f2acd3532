"""A log that fills up lets go of what is done, and of nothing else."""

from __future__ import annotations

from natter.bus.api import Bus, StreamFull, StreamSpec
from natter.bus.trim import trim

SPEC = StreamSpec("TIGHT", ("tight.*",), bytes_max=64 * 1024, age_seconds_max=600.0)


async def fill(bus: Bus, count: int) -> int:
    sequence = 0
    for _ in range(count):
        sequence = await bus.publish("tight.a", b"x" * 1000)
    return sequence


async def test_nothing_goes_while_there_is_room(bus: Bus) -> None:
    await bus.ensure_stream(SPEC)
    last = await fill(bus, 20)
    await trim(bus, "TIGHT", "tight.a", last)
    assert (await bus.usage("TIGHT")).first_sequence == 1
    assert len(await bus.read("TIGHT", "tight.a")) == 20


async def test_the_oldest_part_that_is_done_goes(bus: Bus) -> None:
    await bus.ensure_stream(SPEC)
    last = await fill(bus, 50)
    await bus.publish("tight.b", b"another reader's")
    await trim(bus, "TIGHT", "tight.a", last)
    left = await bus.read("TIGHT", "tight.a")
    assert left[0].sequence == 14
    assert left[-1].sequence == 50
    assert await bus.last("TIGHT", "tight.b") is not None


async def test_what_is_not_done_stays_whatever_the_pressure(bus: Bus) -> None:
    await bus.ensure_stream(SPEC)
    await fill(bus, 50)
    for _ in range(10):
        await trim(bus, "TIGHT", "tight.a", 5)
    assert (await bus.read("TIGHT", "tight.a"))[0].sequence == 5
    await trim(bus, "TIGHT", "tight.a", 0)
    assert (await bus.read("TIGHT", "tight.a"))[0].sequence == 5


async def test_a_log_that_is_trimmed_never_refuses(bus: Bus) -> None:
    await bus.ensure_stream(SPEC)
    try:
        for _ in range(20):
            last = await fill(bus, 10)
            await trim(bus, "TIGHT", "tight.a", last)
    except StreamFull:
        raise AssertionError("a trimmed log refused a new entry") from None
