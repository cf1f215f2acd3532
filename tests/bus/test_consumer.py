"""The pull consumer's bookkeeping, against a server that is played. Real servers: test_behaviour.py, test_nats.py."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from natter.bus.api import Entry, NoStream, Start
from natter.bus.consumer import SILENCE_SECONDS_MAX, Consumer
from natter.bus.wire import OnMessage


class Played:
    """Stands for `Connection` and `Requests` at once."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.inbox = "_INBOX.x"
        self.up = True
        self.handlers: dict[bytes, OnMessage] = {}
        self.pulls: list[dict[str, int]] = []
        self.created: list[dict[str, Any]] = []
        self.pending = 0
        self.last_sequence = 100
        self.errors: list[Exception] = []

    def subscribe(self, subject: str, handler: OnMessage) -> bytes:
        sid = b"%d" % (len(self.created) + 1)
        self.handlers[sid] = handler
        return sid

    def unsubscribe(self, sid: bytes) -> None:
        self.handlers.pop(sid, None)

    def write(self, data: bytes) -> None:
        line, _, body = data.partition(b"\r\n")
        if b"MSG.NEXT" in line:
            self.pulls.append(json.loads(body))

    async def api(self, verb: str, body: Any = None) -> Any:
        if verb.startswith("STREAM.INFO"):
            return {"state": {"last_seq": self.last_sequence}}
        if self.errors:
            raise self.errors.pop(0)
        self.created.append(body["config"])
        return {"num_pending": self.pending}

    def message(self, sequence: int, in_consumer: int, pending: int = 9, long: bool = False) -> None:
        front, behind = (b"domain.hash.", b".random") if long else (b"", b"")
        reply = b"$JS.ACK.%bS.c.1.%d.%d.1700000000.%d%b" % (front, sequence, in_consumer, pending, behind)
        for handler in tuple(self.handlers.values()):
            handler(b"s.a", reply, b"", b"x")

    def status(self, header: bytes) -> None:
        for handler in tuple(self.handlers.values()):
            handler(b"_INBOX", b"", header, b"")


async def make(played: Played, got: list[int], start: Start | int = Start.ALL, **options: Any) -> Consumer:
    def take(entry: Entry) -> None:
        got.append(entry.sequence)

    arguments = {"on_caught_up": None, "in_flight_max": 10, "on_stop": lambda consumer: None} | options
    consumer = Consumer(played, played, "S", ["s.a"], take, **arguments)  # type: ignore[arg-type]
    await consumer.start(start)
    return consumer


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("start", "policy", "sequence"),
    [
        (Start.ALL, "all", None),
        (Start.LAST_PER_SUBJECT, "last_per_subject", None),
        (Start.NEW, "by_start_sequence", 101),
        (7, "by_start_sequence", 7),
        (1, "all", None),
    ],
)
async def test_start(start: Start | int, policy: str, sequence: int | None) -> None:
    played = Played()
    await make(played, [], start)
    assert played.created[0]["deliver_policy"] == policy
    assert played.created[0].get("opt_start_seq") == sequence
    assert played.created[0]["ack_policy"] == "none"


async def test_asks_again_before_it_runs_dry() -> None:
    played = Played()
    await make(played, [])
    assert [pull["batch"] for pull in played.pulls] == [10]
    for number in range(1, 5):
        played.message(number, number)
    assert len(played.pulls) == 1
    played.message(5, 5)
    assert [pull["batch"] for pull in played.pulls] == [10, 5]


async def test_expired_request_is_replaced() -> None:
    played = Played()
    await make(played, [])
    played.message(1, 1)
    played.status(b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 9\r\nNats-Pending-Bytes: 0\r\n\r\n")
    assert [pull["batch"] for pull in played.pulls] == [10, 10]


@pytest.mark.parametrize("long", [False, True])
async def test_both_forms_of_the_reply_subject(long: bool) -> None:
    played = Played()
    got: list[int] = []
    await make(played, got)
    played.message(41, 1, long=long)
    played.message(43, 2, long=long)
    assert got == [41, 43]


async def test_gap_makes_a_new_consumer_behind_the_last_entry() -> None:
    played = Played()
    got: list[int] = []
    await make(played, got)
    played.message(5, 1)
    played.message(8, 3)
    await settle()
    assert got == [5]
    assert len(played.created) == 2
    assert played.created[1]["opt_start_seq"] == 6
    played.message(6, 1)
    assert got == [5, 6]


@pytest.mark.parametrize("line", [b"409 Consumer Deleted", b"503", b"404 No Messages", b"400 Bad Request"])
async def test_other_statuses_make_a_new_consumer(line: bytes) -> None:
    played = Played()
    await make(played, [])
    played.status(b"NATS/1.0 %b\r\n\r\n" % line)
    await settle()
    assert len(played.created) == 2


async def test_silence_makes_a_new_consumer_but_heartbeats_do_not() -> None:
    played = Played()
    consumer = await make(played, [])
    now = 1000.0
    consumer.sweep(now)
    for _ in range(5):
        now += SILENCE_SECONDS_MAX / 2
        played.status(b"NATS/1.0 100 Idle Heartbeat\r\n\r\n")
        consumer.sweep(now)
    await settle()
    assert len(played.created) == 1
    consumer.sweep(now + SILENCE_SECONDS_MAX + 1)
    await settle()
    assert len(played.created) == 2


async def test_lost_stream_is_waited_for_and_read_from_its_start() -> None:
    played = Played()
    got: list[int] = []
    consumer = await make(played, got, 50)
    played.message(50, 1)
    played.errors = [NoStream("S")]
    played.last_sequence = 3
    consumer.reconnected()

    async def made() -> None:
        while len(played.created) < 2:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(made(), 2)
    assert played.created[1]["deliver_policy"] == "all"


async def test_first_failure_goes_to_the_caller() -> None:
    played = Played()
    played.errors = [NoStream("S")]
    with pytest.raises(NoStream):
        await make(played, [])


async def test_paused_keeps_what_was_asked_for_and_asks_for_no_more() -> None:
    played = Played()
    got: list[int] = []
    consumer = await make(played, got)
    consumer.pause()
    for number in range(1, 11):
        played.message(number, number)
    assert got == []
    assert len(played.pulls) == 1
    consumer.resume()
    assert got == list(range(1, 11))
    assert len(played.pulls) == 2


async def test_caught_up_by_count_by_pending_and_by_idleness() -> None:
    played = Played()
    seen: list[str] = []
    await make(played, [], on_caught_up=lambda: seen.append("empty"))
    assert seen == ["empty"]
    played.pending = 3
    await make(played, [], on_caught_up=lambda: seen.append("count"))
    for number in range(1, 4):
        assert seen == ["empty"]
        played.message(number, number)
    assert seen == ["empty", "count"]
    played.handlers.clear()
    await make(played, [], on_caught_up=lambda: seen.append("pending"))
    played.message(1, 1, pending=0)
    assert seen[-1] == "pending"
    played.handlers.clear()
    await make(played, [], on_caught_up=lambda: seen.append("idle"))
    played.status(b"NATS/1.0 100 Idle Heartbeat\r\n\r\n")
    assert seen[-1] == "idle"


async def test_stopped_is_silent() -> None:
    played = Played()
    got: list[int] = []
    consumer = await make(played, got)
    await consumer.stop()
    consumer.mend("late")
    played.message(1, 1)
    assert got == []
    assert played.handlers == {}
