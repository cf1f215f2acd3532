"""Sessions that the replica does not show, on both buses."""

from __future__ import annotations

import pytest
from natter.bus.directory import Directory
from natter.muc import strangers as strangers_module
from natter.muc.room.request import Address
from natter.muc.strangers import Strangers
from natter.proto.v1 import bus_pb2


@pytest.fixture
async def directory(bus):
    made = Directory(bus)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def strangers(bus, directory) -> Strangers:
    return Strangers(bus, directory)


async def test_shards_are_told_who_leaves(directory, strangers) -> None:
    told: list[tuple[str, str]] = []
    strangers.on_gone.add(lambda jid, session: told.append((jid, session)))
    record = bus_pb2.SessionRecord(session="s1", gateway="g0", jid="a@d/1", available=True)
    one = await directory.create(record)
    generation = strangers.generation
    await directory.delete(one)
    assert told == [("a@d/1", "s1")]
    assert strangers.gateway("s1") == ""
    assert strangers.generation > generation


async def test_strangers_are_bounded(strangers, monkeypatch) -> None:
    monkeypatch.setattr(strangers_module, "STRANGERS_MAX", 2)
    for n in range(4):
        await strangers.look(Address(f"a@d/{n}", f"s{n}"))
    assert [strangers.gateway(f"s{n}") for n in range(4)] == [None, None, "", ""]
