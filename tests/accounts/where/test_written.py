"""Archives are asked what they have of a message, and the answer may not come."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from natter.accounts.where.sighting import Sighting
from natter.accounts.where.written import KEYS_MAX, written
from natter.bus.subjects import rpc
from natter.proto.v1.archive_pb2 import WrittenReply, WrittenRequest, WrittenRow

from .conftest import ALICE, BOB
from .conftest import Logs as World

Answer = Callable[[bytes], Awaitable[bytes]]


def sighting(world: World, id: str, *owners: str) -> Sighting:
    return Sighting("archive.0", 1, 0, 1, "lane.0", world.frame(stanza_id=id, owners=owners))


def answering(reply: bytes) -> Answer:
    async def answer(payload: bytes) -> bytes:
        return reply

    return answer


async def test_each_archive_is_asked_for_its_own(logs: World) -> None:
    asked: list[tuple[str, str]] = []

    async def answer(payload: bytes) -> bytes:
        keys = WrittenRequest.FromString(payload).keys
        asked.extend((key.owner, key.id) for key in keys)
        return WrittenReply(rows=[WrittenRow(key=key, written_us=5) for key in keys[:1]]).SerializeToString()

    logs.bus.respond(rpc("archive", "written"), answer)
    found = await written(logs.bus, [sighting(logs, "x", ALICE, BOB), sighting(logs, "", BOB), sighting(logs, "x")])
    assert asked == [(ALICE, "x"), (BOB, "x")]
    assert found == {(ALICE, "x"): 5}


async def test_nobody_is_asked_for_nothing_or_too_much(logs: World) -> None:
    assert await written(logs.bus, []) == {}
    counts: list[int] = []

    async def answer(payload: bytes) -> bytes:
        counts.append(len(WrittenRequest.FromString(payload).keys))
        return b""

    logs.bus.respond(rpc("archive", "written"), answer)
    await written(logs.bus, [sighting(logs, f"{n}", ALICE) for n in range(2 * KEYS_MAX)])
    assert counts == [KEYS_MAX]


@pytest.mark.parametrize("reply", [b"\xff", WrittenReply(error="away").SerializeToString(), None])
async def test_no_answer(logs: World, reply: bytes | None) -> None:
    if reply is not None:
        logs.bus.respond(rpc("archive", "written"), answering(reply))
    assert await written(logs.bus, [sighting(logs, "x", ALICE)]) is None
