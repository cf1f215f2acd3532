"""The question on the bus: bounds, refusals, and an answer without content."""

from __future__ import annotations

from natter.accounts.where.desk import ID_CHARACTERS_MAX, Desk, at
from natter.accounts.where.logs import Logs
from natter.bus import subjects
from natter.proto.v1.where_pb2 import WhereReply, WhereRequest

from .conftest import ALICE, BOB, GATEWAY
from .conftest import Logs as World


def desk(world: World) -> Desk:
    return Desk(Logs(world.bus), lambda: world.accepted_us + 60_000_000)


async def ask(world: World, id: str) -> WhereReply:
    return WhereReply.FromString(await desk(world).handle(WhereRequest(id=id).SerializeToString()))


async def test_a_message_and_its_end(logs: World) -> None:
    entry = await logs.lane(logs.frame())
    await logs.delivery(logs.frame(sequence=entry, sessions=["sb"], stanza_id="s1"))
    await logs.session(f"{BOB}/b", "sb")
    reply = await ask(logs, "origin-1")
    [found] = reply.found
    assert (found.found_by, found.end, found.sender, found.to) == ("origin-id", "delivered", f"{ALICE}/a", f"{BOB}/b")
    assert (found.stanza_id, found.id, found.type) == ("s1", "m1", "chat")
    assert [event.what for event in found.events] == ["accepted", "durable", "routed", "delivered"]
    assert not found.notes
    assert b"canary" not in reply.SerializeToString()


async def test_what_is_older_than_a_log_is_said(logs: World) -> None:
    entry = await logs.lane(logs.frame())
    await logs.delivery(logs.frame(sequence=entry, sessions=["sb"]))
    await logs.delivery(logs.frame(sequence=entry, sessions=["sc"]))
    await logs.bus.purge(subjects.DELIVERIES, subjects.deliver(GATEWAY), below=2)
    [found] = (await ask(logs, "m1")).found
    assert [note.partition(",")[0] for note in found.notes] == ["Older than what DELIVERIES keeps"]


async def test_refusals(logs: World) -> None:
    missing = await ask(logs, "nope")
    assert missing.error == "not-found" and "LANES since the beginning" in missing.text
    for id in ("", "x" * (ID_CHARACTERS_MAX + 1), "a\nb"):
        assert (await ask(logs, id)).error == "bad-request"
    assert WhereReply.FromString(await desk(logs).handle(b"\xff\xff")).error == "bad-request"
    logs.bus.disconnect()
    assert (await ask(logs, "m1")).error == "unavailable"
    logs.bus.reconnect()


async def test_questions_wait_for_their_turn_and_not_for_ever(logs: World, monkeypatch: object) -> None:
    one = desk(logs)
    async with one._turns, one._turns:
        import natter.accounts.where.desk as module

        monkeypatch.setattr(module, "SEARCH_SECONDS_MAX", 0.05)  # type: ignore[attr-defined]
        reply = WhereReply.FromString(await one.handle(WhereRequest(id="m1").SerializeToString()))
    assert reply.error == "unavailable"


def test_times_for_people() -> None:
    assert at(1_700_000_000_123_456) == "2023-11-14T22:13:20.123Z"
