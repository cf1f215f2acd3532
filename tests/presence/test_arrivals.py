"""Waiting for the directory replica."""

from __future__ import annotations

import asyncio

from natter.bus.api import Bus
from natter.bus.directory import Directory
from natter.presence import arrivals as module
from natter.presence.arrivals import Arrivals
from natter.proto.v1 import bus_pb2

NOW_US = 1_000_000_000


def frame(**fields: object) -> bus_pb2.Frame:
    return bus_pb2.Frame(accepted_us=NOW_US, **fields)  # type: ignore[arg-type]


async def test_a_frame_waits_for_its_session(bus: Bus) -> None:
    directory = Directory(bus)
    await directory.start()
    arrivals = Arrivals(directory)
    first = frame(session="s1", sender="a@x/r")
    assert arrivals.missing(first, NOW_US) == "s1"
    wait = asyncio.create_task(arrivals.wait("s1"))
    await asyncio.sleep(0)
    await directory.create(bus_pb2.SessionRecord(session="s1", gateway="g", jid="a@x/r"))
    await wait
    assert arrivals.here("s1")
    assert arrivals.missing(first, NOW_US) == ""
    assert not arrivals.stale(first)
    assert arrivals.stale(frame(session="s0", sender="a@x/r"))
    assert not arrivals.stale(frame(sender="a@x/r"))
    await directory.stop()


async def test_a_probe_waits_until_its_asker_is_available(bus: Bus) -> None:
    directory = Directory(bus)
    await directory.start()
    arrivals = Arrivals(directory)
    session = await directory.create(bus_pb2.SessionRecord(session="s1", gateway="g", jid="a@x/r"))
    probe = frame(type="probe", sender="a@x/r")
    assert arrivals.missing(probe, NOW_US) == "a@x/r"
    wait = asyncio.create_task(arrivals.wait("a@x/r"))
    await asyncio.sleep(0)
    await directory.update(session, available=True)
    await wait
    assert arrivals.missing(probe, NOW_US) == ""
    assert arrivals.missing(frame(type="probe", sender="a@x"), NOW_US) == ""
    await directory.stop()


async def test_nobody_waits_for_long_nor_twice(bus: Bus, monkeypatch: object) -> None:
    directory = Directory(bus)
    arrivals = Arrivals(directory)
    late = frame(session="s9", sender="a@x/r")
    assert arrivals.missing(late, NOW_US + 6_000_000) == ""
    assert arrivals.missing(frame(session="s9", sender="a@x/r", ended=True), NOW_US) == ""
    monkeypatch.setattr(module, "WAIT_SECONDS_MAX", 0.01)  # type: ignore[attr-defined]
    await arrivals.wait("s9")
    assert arrivals.missing(late, NOW_US) == ""
