"""`natter doctor --projections`: piece by piece, and what it prints."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.memory import MemoryBus
from natter.proto.v1.archive_pb2 import CheckReply, CheckRequest, Difference
from natter.runtime import projections
from natter.runtime.doctor import Finding
from natter.runtime.sections import BusSection
from natter.runtime.users import CommandFailed, Where

WHERE = Where(Path(), "", BusSection())
MISSING = Difference(what="missing", owner="alice@h", id="id-1")


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> MemoryBus:
    made = MemoryBus()

    @asynccontextmanager
    async def connected(credentials: Any) -> Any:
        yield made

    monkeypatch.setattr(projections, "connected", connected)
    monkeypatch.setattr(projections, "credentials_of", lambda where: None)
    return made


def serve(bus: MemoryBus, *replies: CheckReply) -> list[CheckRequest]:
    """An archive that answers so, once each."""
    asked: list[CheckRequest] = []

    async def check(payload: bytes) -> bytes:
        asked.append(CheckRequest.FromString(payload))
        return replies[len(asked) - 1].SerializeToString()

    bus.respond(subjects.rpc("archive", "check"), check)
    return asked


async def found(*, repair: bool = False) -> list[Finding]:
    return [finding async for finding in projections.examine(WHERE, repair=repair)]


async def test_piece_by_piece(bus: MemoryBus) -> None:
    asked = serve(bus, CheckReply(until=7, more=True, entries=5, rows=10), CheckReply(until=9, entries=2, rows=4))
    (line,) = await found()
    assert line.well and "7 entries of the log, 14 rows, 0 differ" in line.text
    assert [request.after for request in asked] == [0, 7]


async def test_what_differs_is_named(bus: MemoryBus) -> None:
    asked = serve(bus, CheckReply(entries=1, rows=2, differences=[MISSING], differing=1))
    row, line = await found()
    assert row.text == "missing in the archive of alice@h: id-1" and "--repair" in row.advice
    assert not line.well and not asked[0].repair


async def test_what_was_put_right_is_well(bus: MemoryBus) -> None:
    asked = serve(bus, CheckReply(entries=1, rows=2, differences=[MISSING], differing=1, repaired=1))
    row, line = await found(repair=True)
    assert row.well and line.well and "put right" in row.text and asked[0].repair


async def test_nobody_who_can_look(bus: MemoryBus) -> None:
    with pytest.raises(CommandFailed, match="does not answer"):
        await found()
    serve(bus, CheckReply(error="the archive cannot look now: away"))
    with pytest.raises(CommandFailed, match="cannot look now"):
        await found()
