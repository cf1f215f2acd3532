"""Senders are told of sessions that change their gateway, and of nothing else."""

from __future__ import annotations

from dataclasses import replace

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.directory import Directory
from natter.bus.moves import Moves
from natter.proto.v1 import bus_pb2


class Told:
    """In place of Senders."""

    def __init__(self) -> None:
        self.moves: list[tuple[str, str]] = []

    def moved(self, before: str, after: str) -> None:
        self.moves.append((before, after))


async def test_only_a_session_that_goes_elsewhere_moves(bus: Bus) -> None:
    directory = Directory(bus)
    await directory.start()
    moves, told, other = Moves(directory), Told(), Told()
    moves.follow(told)  # type: ignore[arg-type]
    moves.follow(other)  # type: ignore[arg-type]
    session = await directory.create(bus_pb2.SessionRecord(jid="a@b/c", session="s1", gateway="g1"))
    session = await directory.update(session, available=True)
    assert told.moves == []
    session = await directory.update(session, gateway="g2")
    assert told.moves == other.moves == [(subjects.deliver("g1"), subjects.deliver("g2"))]
    moves.forget(other)  # type: ignore[arg-type]
    moves.forget(other)  # type: ignore[arg-type]
    # Another session in its place has heard nothing yet.
    session = await directory.update(replace(session, session="s2", gateway="g3"))
    assert len(told.moves) == 1
    await directory.update(session, gateway="g1")
    assert told.moves[1:] == [(subjects.deliver("g3"), subjects.deliver("g1"))]
    assert len(other.moves) == 1
    await directory.stop()
