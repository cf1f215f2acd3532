"""CPU µs per frame inside the router's `take`: 1:1 chat, and the rest, without NATS.

uv run python tests/bench/router_take.py [frames per envelope]
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from natter.bus import plain
from natter.bus.api import Entry
from natter.bus.batch import envelope_head, frame_head
from natter.bus.directory import Directory, Session
from natter.bus.memory import MemoryBus
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, KIND_PRESENCE, Envelope, Frame
from natter.router.handlers import Lane, Office
from natter.router.pipeline import ANSWERS, FEATURES
from natter.router.question import Server
from natter.router.route.view import Hosts
from natter.router.subjects import Subjects

ALICE, BOB = "user1@localhost/resource-1", "user2@localhost/resource-2"
BODY = "x" * 96
FRAMES = 2_000
REPEATS = 40  # the best one counts: what else the machine does is not the router's work


class NoFacts:
    """Rows are the metrics part's business."""

    def add(self, **row: Any) -> None:
        """Forget it."""


def frame(kind: int, name: str, to: str, type: str, inside: str, payload: str = "") -> Frame:
    """A frame as a gateway makes it."""
    stanza = f"<{name} from='{ALICE}' to='{to}' type='{type}' id='a1b2c3'>{inside}</{name}>".encode()
    return Frame(
        kind=kind,
        type=type,
        sender=ALICE,
        to=to,
        id="a1b2c3",
        traits=1,
        payload=payload,
        stanza=stanza,
        session="0123456789abcdef",
        inbound=12345,
        accepted_us=1_700_000_000_000_000,
    )


CASES = {
    "1:1 chat to a full JID": frame(KIND_MESSAGE, "message", BOB, "chat", f"<body>{BODY}</body>"),
    "1:1 chat to a bare JID": frame(KIND_MESSAGE, "message", "user2@localhost", "chat", f"<body>{BODY}</body>"),
    "groupchat to a room": frame(
        KIND_MESSAGE, "message", "r@conference.localhost", "groupchat", f"<body>{BODY}</body>"
    ),
    "presence": frame(KIND_PRESENCE, "presence", "", "", "<show>away</show>"),
    "iq between clients": frame(KIND_IQ, "iq", BOB, "get", "<ping xmlns='urn:xmpp:ping'/>", "{urn:xmpp:ping}ping"),
    "ping to the server": frame(
        KIND_IQ, "iq", "localhost", "get", "<ping xmlns='urn:xmpp:ping'/>", "{urn:xmpp:ping}ping"
    ),
    "bounce": frame(KIND_MESSAGE, "message", "nobody@localhost", "chat", f"<body>{BODY}</body>"),
}


def office(bus: MemoryBus) -> Office:
    """Two thousand sessions in the directory."""
    directory = Directory(bus)
    for n in range(2000):
        bare = f"user{n}@localhost"
        directory._apply(
            Session(f"{bare}/resource-{n}", bare, f"resource-{n}", f"{n:016x}", "gateway-1-0a", True, 0, 1, 1)
        )
    return Office(
        directory=directory,
        hosts=Hosts("localhost", "conference.localhost", frozenset(ANSWERS)),
        server=Server("localhost", "conference.localhost", "1", 0, features=FEATURES),
        subjects=Subjects(8, 8),
        facts=NoFacts(),  # type: ignore[arg-type]
        now_us=lambda: time.time_ns() // 1000,
        waiting_bytes_max=1 << 25,
    )


async def measure(sample: Frame, per_envelope: int) -> float:
    """µs per frame."""
    bus = MemoryBus()
    shared = office(bus)
    payload = Envelope(source="gateway-1-0a", frames=[sample] * per_envelope).SerializeToString()
    if sample.kind == KIND_MESSAGE:
        # As gateways write them: see natter.bus.plain.
        head = plain.head(to=sample.to, type=sample.type, sender=sample.sender, session=sample.session)
        raw = plain.frame(head, plain.shared(1, sample.accepted_us), sample.id, 12345, b"", sample.stanza)
        payload = envelope_head("gateway-1-0a") + (frame_head(len(raw)) + raw) * per_envelope
    rounds = max(1, FRAMES // per_envelope)
    best = float("inf")
    for _ in range(REPEATS):
        senders = Senders(bus, "lane.0", "bench")
        lane = Lane(shared, senders, Progress(0))
        entries = [Entry("natter.lane.0", n + 1, payload) for n in range(rounds)]
        start = time.process_time()
        for entry in entries:
            lane.take(entry)
            lane.full()
        best = min(best, time.process_time() - start)
        await senders.close()
    return best / rounds / per_envelope * 1e6


async def main() -> None:
    """Print the table."""
    sizes = [int(argument) for argument in sys.argv[1:]] or [1, 16]
    print(f"{'µs per frame, frames per envelope':36}" + "".join(f"{size:>8}" for size in sizes))
    for name, sample in CASES.items():
        figures = [await measure(sample, size) for size in sizes]
        print(f"{name:36}" + "".join(f"{figure:8.2f}" for figure in figures))


asyncio.run(main())
