"""One lane's worker: what is written where, with which cause; frames that nobody can take; when it is full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from natter.bus import plain
from natter.bus.api import Entry
from natter.bus.batch import envelope_head, frame_head
from natter.bus.progress import Progress
from natter.bus.series import expanded
from natter.bus.subjects import lane, room_bit
from natter.proto.v1.bus_pb2 import Frame
from natter.router.handlers import OPEN_ENTRIES, Lane, Office
from natter.router.pipeline import FEATURES
from natter.router.question import Server
from natter.router.route.returned import COPIED
from natter.router.route.view import Hosts
from natter.router.subjects import Subjects
from natter.telemetry import names, trace
from rows import Rows

NOW = 5_000
ALICE, BOB = "alice@example.com", "bob@example.com"


class Written:
    """Stands for Senders: keeps what was added, stores it when told to."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, Frame]] = []
        self.callbacks: list[Any] = []
        self.waiting_bytes = 0
        self.closed = False
        self.refuse = ""
        self.subject = ""

    def to(self, subject: str) -> Written:
        self.subject = subject
        return self

    def add(self, frame: Frame, stored: Any) -> None:
        if self.refuse and self.refuse in self.subject:
            raise ValueError("frame is too large")
        copy = Frame()
        copy.CopyFrom(frame)
        self.frames.append((self.subject, copy))
        self.callbacks.append(stored)

    def add_encoded(self, frames: list[bytes], stored: Any) -> None:
        self.frames += [(self.subject, Frame.FromString(raw)) for raw in frames]
        self.callbacks.append(stored)

    async def close(self) -> None:
        self.closed = True


class Bench:
    """A lane with everything round it."""

    def __init__(self, people: Any, hosts: Hosts) -> None:
        self.people, self.written, self.rows = people, Written(), Rows()
        office = Office(
            directory=people,
            hosts=hosts,
            server=Server("example.com", "conference.example.com", "1", 0, features=FEATURES),
            subjects=Subjects(8, 8),
            facts=self.rows,  # type: ignore[arg-type]
            now_us=lambda: NOW,
            waiting_bytes_max=1000,
        )
        self.progress = Progress(0)
        self.lane = Lane(office, self.written, self.progress)  # type: ignore[arg-type]

    def take(
        self, *frames: Frame, sequence: int = 7, encoded: dict[int, bytes] | None = None
    ) -> list[tuple[str, Frame]]:
        """Give the lane one envelope; what was written. `encoded`: how some of the frames look on the wire."""
        before = len(self.written.frames)
        given = [(encoded or {}).get(n, frame.SerializeToString()) for n, frame in enumerate(frames)]
        payload = envelope_head("g1") + b"".join(frame_head(len(raw)) + raw for raw in given)
        self.lane.take(Entry(lane(0), sequence, payload))
        return self.written.frames[before:]

    def outcomes(self) -> list[str]:
        return [row["outcome"] for row in self.rows.rows]


@pytest.fixture
def bench(people: Any, hosts: Hosts) -> Bench:
    return Bench(people, hosts)


def subjects(written: Iterable[tuple[str, Frame]]) -> list[str]:
    return [subject for subject, _ in written]


def test_a_chat_goes_to_its_session(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/x", gateway="g2")
    sent = frames("message", f"{BOB}/x", "chat", inside="<body>hi</body>", id="m1")
    ((subject, frame),) = bench.take(sent)
    assert subject == "natter.deliver.g2"
    assert (list(frame.sessions), list(frame.tos), frame.sequence, frame.index) == (["s-x"], [], 7, 0)
    assert frame.stanza == sent.stanza and frame.accepted_us == 1_000
    assert bench.rows.rows == []


def test_the_cause_rises_within_an_envelope(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/x")
    written = bench.take(*(frames("message", f"{BOB}/x", "chat") for _ in range(3)))
    assert [(f.sequence, f.index) for _, f in written] == [(7, 0), (7, 16), (7, 32)]


def test_progress_waits_for_every_output(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/x")
    bench.take(frames("message", f"{BOB}/x", "chat"), frames("presence"), sequence=7)
    bench.take(frames("message", f"{BOB}/x", "headline"), sequence=9)
    first, second, third = bench.written.callbacks
    third()
    first()
    assert bench.progress.position == 0
    second()
    assert bench.progress.position == 9


def test_an_entry_without_output_is_done_at_once(bench: Bench, frames: Any) -> None:
    assert bench.take(frames("message", BOB, "headline")) == []
    assert bench.progress.position == 7


def test_one_frame_per_gateway(bench: Bench, frames: Any) -> None:
    for name, gateway in (("a", "g1"), ("b", "g2"), ("c", "g1")):
        bench.people.add(f"{BOB}/{name}", gateway=gateway)
    written = bench.take(frames("message", BOB, "chat"))
    assert [(s, list(f.sessions)) for s, f in written] == [
        ("natter.deliver.g1", ["s-a", "s-c"]),
        ("natter.deliver.g2", ["s-b"]),
    ]
    # If one comes back, the others have theirs.
    assert all(f.traits & COPIED for _, f in written)


def test_two_sessions_of_one_gateway_are_one_frame(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/a")
    bench.people.add(f"{BOB}/b")
    ((_, frame),) = bench.take(frames("message", BOB, "chat"))
    assert list(frame.sessions) == ["s-a", "s-b"] and not frame.traits & COPIED


def test_a_join_goes_to_the_room(bench: Bench, frames: Any) -> None:
    ((room, frame),) = bench.take(frames("presence", "room@conference.example.com/nick"))
    assert room.startswith("natter.shard.room.")
    assert frame.session == "s-phone" and frame.sequence == 7 and not frame.sessions


def test_the_end_of_availability_goes_to_the_sender_s_shard_and_to_those_of_his_rooms(
    bench: Bench, frames: Any
) -> None:
    rooms = ("room@conference.example.com", "lounge@conference.example.com")
    bits = room_bit(rooms[0]) | room_bit(rooms[1])
    user, *others = bench.take(frames("presence", "", "unavailable", rooms=bits))
    assert user[0].startswith("natter.shard.user.")
    assert {subject for subject, _ in others} == {bench.lane.office.subjects.shard("room", room) for room in rooms}
    # The cause is where it was said: it is known again there.
    assert all((f.sequence, f.index, f.to, f.session) == (7, 0, "", "s-phone") for _, f in (user, *others))


def test_registration_goes_to_the_accounts(bench: Bench, frames: Any) -> None:
    assert subjects(bench.take(frames.query("{jabber:iq:register}query", "example.com", "set"))) == [
        "natter.shard.account.0"
    ]


def test_a_bounce_goes_back_where_it_came_from_and_is_counted(bench: Bench, frames: Any) -> None:
    ((subject, frame),) = bench.take(frames("message", BOB, "chat", inside="<body>canary</body>", id="m1"))
    assert subject == "natter.deliver.g1"
    assert (list(frame.sessions), frame.type, frame.to, frame.sender) == (
        ["s-phone"],
        "error",
        "alice@example.com/phone",
        BOB,
    )
    assert (frame.sequence, frame.index) == (7, 0)
    assert b"service-unavailable" in frame.stanza
    (row,) = bench.rows.rows
    assert (row["outcome"], row["direction"], row["time_us"], row["latency_us"]) == ("bounced", 0, NOW, 4_000)
    assert "canary" not in str(row)


def test_a_ping_is_answered(bench: Bench, frames: Any) -> None:
    ((subject, frame),) = bench.take(frames.query("{urn:xmpp:ping}ping", "example.com"))
    assert subject == "natter.deliver.g1"
    assert frame.stanza == b"<iq type='result' id='q1' from='example.com' to='alice@example.com/phone'/>"


def test_a_drop_leaves_a_row(bench: Bench, frames: Any) -> None:
    assert bench.take(frames("message", BOB, "headline"), frames.query("{x}y", "example.com", "result")) == []
    assert bench.outcomes() == ["dropped:headline", "dropped:unasked"]


def test_a_returned_frame_is_cleaned_before_it_goes_on(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/desk", gateway="g3", bound_us=2_000)
    back = frames("message", f"{BOB}/gone", "chat", returned=1, traits=COPIED | 1, sessions=["s-gone"])
    ((subject, frame),) = bench.take(back)
    assert (subject, list(frame.sessions), frame.traits) == ("natter.deliver.g3", ["s-desk"], 1)
    assert frame.returned == 1
    # XEP-0198 §4: with the time of the delivery that failed.
    assert b"<delay xmlns='urn:xmpp:delay' from='example.com' stamp='" in frame.stanza


def test_the_error_of_a_returned_frame_finds_its_sender(bench: Bench, frames: Any) -> None:
    # The envelope comes from the recipient's gateway; the sender is at another one, or gone.
    bench.people.add("alice@example.com/phone", gateway="g9")
    ((subject, frame),) = bench.take(frames("message", f"{BOB}/gone", returned=1))
    assert (subject, list(frame.sessions)) == ("natter.deliver.g9", ["s-phone"])
    # Its session has ended, and the client has logged in again under the same JID.
    ((subject, frame),) = bench.take(frames("message", f"{BOB}/gone", returned=1, session="s-before"), sequence=8)
    assert (subject, list(frame.sessions)) == ("natter.deliver.g9", ["s-phone"])
    tablet = {"session": "s-tablet", "sender": "alice@example.com/tablet"}
    assert bench.take(frames("message", f"{BOB}/gone", returned=1, **tablet), sequence=9) == []
    assert bench.outcomes() == ["bounced", "bounced", "dropped:sender-left"]


def test_a_bad_frame_does_not_stop_the_lane(bench: Bench, frames: Any, caplog: pytest.LogCaptureFixture) -> None:
    bench.people.add(f"{BOB}/x")
    before = names.POISON.values.get(("LANES",), 0)
    broken = frames.query("{urn:xmpp:ping}ping", "example.com", inbound=3)
    broken.stanza = b"<iq canary"
    no_element = frames("message", "carol@example.com", "chat")
    no_element.stanza = b"canary"
    written = bench.take(broken, frames("message", f"{BOB}/x", "chat"), no_element, frames("presence"))
    assert len(written) == 2
    assert bench.outcomes() == ["dropped:poison", "dropped:poison"]
    assert names.POISON.values[("LANES",)] == before + 2
    assert "canary" not in caplog.text
    for stored in bench.written.callbacks:
        stored()
    assert bench.progress.position == 7


def test_what_can_not_be_added_is_not_waited_for(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/x", gateway="small")
    bench.written.refuse = "small"
    assert bench.take(frames("message", f"{BOB}/x", "chat")) == []
    assert bench.outcomes() == ["dropped:poison"] and bench.progress.position == 7


def test_an_entry_that_is_no_envelope(bench: Bench) -> None:
    bench.lane.take(Entry(lane(0), 7, b"\xff\xff\xff"))
    assert bench.progress.position == 7 and bench.written.frames == []


def test_a_sampled_frame_carries_its_trace_on(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/x")
    traceparent = trace.sample(1, 0)
    ((_, frame),) = bench.take(frames("message", f"{BOB}/x", "chat", traceparent=traceparent))
    assert trace.trace_id(frame.traceparent) == trace.trace_id(traceparent)
    ((_, reply),) = bench.take(frames("message", "carol@example.com", "chat", traceparent=traceparent), sequence=8)
    assert trace.trace_id(reply.traceparent) == trace.trace_id(traceparent)
    assert bench.rows.rows[0]["trace_id"] == trace.trace_id(traceparent)


def test_full(bench: Bench, frames: Any) -> None:
    bench.written.waiting_bytes = 1001
    assert not bench.lane.full()
    for sequence in range(1, OPEN_ENTRIES + 2):
        bench.take(frames("presence"), sequence=sequence)
    assert bench.lane.full()
    bench.written.waiting_bytes = 1000
    assert not bench.lane.full()


async def test_close(bench: Bench) -> None:
    await bench.lane.close()
    assert bench.written.closed


def a_series(to: str, bodies: str) -> tuple[bytes, list[bytes]]:
    """A frame of many messages, encoded as gateways do; and each message."""
    stanzas = [f"<message from='{ALICE}/a' to='{to}' id='i{b}'><body>{b}</body></message>".encode() for b in bodies]
    head = plain.head(to=to, type="chat", sender=f"{ALICE}/a", session="s-a")
    return plain.series(head, plain.shared(1, 1_000), 40, [len(one) for one in stanzas], b"".join(stanzas)), stanzas


def test_a_series_goes_to_its_session_as_it_is(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{BOB}/x", gateway="g2")
    before, behind = (frames("message", f"{BOB}/x", "chat", id=id) for id in ("before", "behind"))
    raw, stanzas = a_series(f"{BOB}/x", "123")
    routed = names.ROUTED.values.get(("delivered",), 0)
    written = bench.take(before, Frame.FromString(raw), behind, encoded={1: raw})
    assert [(subject, frame.index, len(expanded(frame))) for subject, frame in written] == [
        ("natter.deliver.g2", 0, 1),
        ("natter.deliver.g2", 16, 3),
        ("natter.deliver.g2", 64, 1),
    ]
    assert list(written[1][1].sessions) == ["s-x"] and written[1][1].stanza == b"".join(stanzas)
    assert names.ROUTED.values["delivered",] == routed + 5


def test_a_series_to_nobody_is_answered_message_by_message(bench: Bench, frames: Any) -> None:
    raw, _ = a_series(f"{BOB}/x", "12")
    behind = frames("message", f"{BOB}/x", "error")
    written = bench.take(Frame.FromString(raw), behind, encoded={0: raw})
    assert [(frame.id, frame.index, frame.type) for _, frame in written] == [("i1", 0, "error"), ("i2", 16, "error")]
    assert bench.outcomes() == ["bounced", "bounced", "dropped:error"]


def test_a_series_that_cannot_be_decoded_is_counted(bench: Bench) -> None:
    raw, _ = a_series(f"{BOB}/x", "12")
    assert bench.take(Frame(), encoded={0: raw[:-3]}) == []


def test_what_a_later_version_adds_goes_on(bench: Bench, frames: Any) -> None:
    # Field 10000, a text: a gateway of a later version puts it in, and one of a later version reads it.
    added = b"\x82\xf1\x04\x05later"
    bench.people.add(f"{BOB}/x", gateway="g2")
    plainly = plain.frame(
        plain.head(to=f"{BOB}/x", type="chat", sender=ALICE, session="s-phone"), b"", "1", 1, b"", b""
    )
    raw, _ = a_series(f"{BOB}/x", "ab")
    decoded = frames("message", f"{BOB}/x", "chat")
    handed = frames("presence", "room@conference.example.com/nick")
    own = frames("presence", "")
    kept = {
        0: plainly + added,
        1: raw + added,
        2: decoded.SerializeToString() + added,
        3: handed.SerializeToString() + added,
        4: own.SerializeToString() + added,
    }
    written = bench.take(Frame(), Frame(), decoded, handed, own, encoded=kept)
    assert {subject.rpartition(".")[0] for subject, _ in written} == {
        "natter.deliver",
        "natter.shard.room",
        "natter.shard.user",
    }
    assert all(added in frame.SerializeToString() for _, frame in written)
    # A series that is taken apart: each of its messages has it.
    series = next(frame for _, frame in written if frame.sizes)
    assert all(added in one.SerializeToString() for one in expanded(series))


def test_the_error_and_the_copies_of_it(bench: Bench, frames: Any) -> None:
    bench.people.add(f"{ALICE}/tablet", gateway="g3", carbons=True)
    said = frames("message", "x@remote.lit", "chat", inside="<body>hi</body>", id="m1")
    (_, error), (_, sent), (subject, received) = bench.take(said)
    assert error.type == "error" and error.sessions == ["s-phone"]
    assert b"<body>hi</body>" in sent.stanza and b"<sent" in sent.stanza
    assert subject == "natter.deliver.g3" and received.sessions == ["s-tablet"]
    # XEP-0280 §7: the same type, the error as the other client has got it.
    assert received.type == "error" and error.stanza in received.stanza.replace(b" xmlns='jabber:client'", b"")
    assert received.stanza.startswith(f"<message from='{ALICE}' to='{ALICE}/tablet' type='error'>".encode())
    assert (received.sequence, received.index) > (sent.sequence, sent.index)
    # The next message has no error.
    bench.people.add(f"{BOB}/x", gateway="g2")
    assert all(b"<error" not in frame.stanza for _, frame in bench.take(frames("message", BOB, "chat"), sequence=8))
