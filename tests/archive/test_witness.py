"""Which messages are in archives, as it is asked over the bus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from archiveworld import ALICE, BOB, FIRST_US, World
from natter.archive.witness import KEYS_MAX, Witness
from natter.proto.v1.archive_pb2 import ArchiveKey, WrittenReply, WrittenRequest
from natter.storage.archive import Archive
from natter.storage.database import Database, url_of


def request(keys: Iterable[tuple[str, str]]) -> bytes:
    return WrittenRequest(keys=[ArchiveKey(owner=owner, id=id) for owner, id in keys]).SerializeToString()


async def asked(archive: Archive, payload: bytes) -> WrittenReply:
    return WrittenReply.FromString(await Witness(archive).written(payload))


async def test_what_is_there_and_since_when(world: World) -> None:
    await world.take(world.message("one"))
    reply = await asked(world.archive, request([(ALICE, "id-1"), (BOB, "id-1"), (BOB, "id-2")]))
    assert {(row.key.owner, row.key.id) for row in reply.rows} == {(ALICE, "id-1"), (BOB, "id-1")}
    assert not reply.error and all(row.written_us > FIRST_US for row in reply.rows)


@pytest.mark.parametrize("payload", [b"\xff", request([]), request([(ALICE, f"{n}") for n in range(KEYS_MAX + 1)])])
async def test_what_is_no_question(world: World, payload: bytes) -> None:
    reply = await asked(world.archive, payload)
    assert reply.error and not reply.rows


async def test_a_database_that_is_away() -> None:
    away = Database(url_of("postgresql://nobody@127.0.0.1:1/none", Path()))
    assert (await asked(Archive(away), request([(ALICE, "id-1")]))).error == "the database is away"
    await away.close()
