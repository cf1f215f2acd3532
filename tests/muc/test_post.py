"""From outputs to frames: who is where, and who is nowhere."""

from __future__ import annotations

import pytest
from natter.bus.directory import Directory
from natter.bus.series import expanded
from natter.muc import post as post_module
from natter.muc.post import Post
from natter.muc.room.request import IQ, MESSAGE, PRESENCE, Address, Everyone, Output
from natter.muc.room.state import Occupant
from natter.muc.strangers import Strangers
from natter.proto.v1 import bus_pb2


class Tray:
    """In place of Senders: keeps what is added."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, bus_pb2.Frame]] = []
        self.stored = 0

    def add(self, subject: str, frame: bus_pb2.Frame, stored) -> None:
        if frame.stanza == b"<huge/>":
            raise ValueError("too large")
        own = bus_pb2.Frame()
        own.CopyFrom(frame)
        self.frames.append((subject.rpartition(".")[2], own))
        stored()


class Desk:
    def __init__(self, bus) -> None:
        self.directory = Directory(bus)
        self.strangers = Strangers(bus, self.directory)
        self.tray = Tray()
        self.blocked: set[tuple[str, str]] = set()
        self.post = Post(self.directory, self.strangers, self.tray, self.blocks)
        self.expected = self.stored = 0

    def blocks(self, owner: str, jid: str) -> bool:
        return bool({(owner, jid), (owner, jid.partition("/")[0])} & self.blocked)

    async def login(self, jid: str, gateway: str, priority: int = 0):
        record = bus_pb2.SessionRecord(session=f"s-{jid}", gateway=gateway, jid=jid, available=True, priority=priority)
        return await self.directory.create(record)

    def expect(self):
        self.expected += 1

        def stored() -> None:
            self.stored += 1

        return stored

    def send(self, output: Output, sequence: int = 0, index: int = 0) -> int:
        return self.post.send(output, sequence, index, 7, "", self.expect)


@pytest.fixture
async def desk(bus):
    made = Desk(bus)
    await made.directory.start()
    yield made
    await made.directory.stop()


def output(*to, stanza: bytes = b"<message><body>x</body></message>", **more) -> Output:
    return Output(**{"kind": MESSAGE, "stanza": stanza, "sender": "r@h/n", "to": to, "type": "groupchat", **more})


async def test_one_frame_per_gateway(desk) -> None:
    people = [await desk.login(f"u{n}@d/r", f"g{n % 2}") for n in range(4)]
    assert desk.send(output(*(Address(p.jid, p.session) for p in people)), 9, 2) == 4
    assert [g for g, _ in desk.tray.frames] == ["g0", "g1"]
    for _, frame in desk.tray.frames:
        assert (len(frame.sessions), len(frame.tos), frame.sequence, frame.index) == (2, 2, 9, 2)
        assert b" to=" not in frame.stanza
        assert frame.accepted_us == 7
    assert desk.expected == desk.stored == 2


async def test_to_one_it_is_whole(desk) -> None:
    one = await desk.login("a@d/it's", "g0")
    desk.send(output(Address(one.jid, one.session), type="chat"))
    ((_, frame),) = desk.tray.frames
    assert frame.stanza.startswith(b"<message to='a@d/it&apos;s'>")
    assert (list(frame.tos), frame.to, list(frame.sessions)) == ([], one.jid, [one.session])


async def test_an_ended_session_gets_nothing_and_the_sender_hears_of_it(desk) -> None:
    one, two = await desk.login("a@d/1", "g0"), await desk.login("b@d/1", "g0")
    gone = Address(one.jid, one.session)
    await desk.directory.delete(one)
    assert desk.strangers.gateway(one.session) == ""
    bounce = output(Address(two.jid, two.session), type="error")
    assert desk.send(output(gone, otherwise=bounce), 5, 1) == 1
    ((_, frame),) = desk.tray.frames
    assert (frame.type, frame.sequence) == ("error", 0)
    assert desk.send(output(gone)) == 0


async def test_a_session_that_the_replica_does_not_show_yet_is_looked_up(bus, desk) -> None:
    other = Directory(bus)
    await other.start()
    record = bus_pb2.SessionRecord(session="s-late", gateway="g9", jid="late@d/1", available=True)
    await other.create(record)
    # As if the replica lagged behind.
    found = desk.directory.by_session("s-late")
    if found is not None:
        desk.directory._remove(found)
    target = Address("late@d/1", "s-late")
    desk.strangers._gateways.clear()
    await desk.post.meet([output(target), output(Address("late@d/1", "never"))])
    assert desk.send(output(target)) == 1
    assert desk.tray.frames[0][0] == "g9"
    assert desk.strangers.gateway("never") == ""
    await other.stop()


async def test_a_bare_jid_is_whoever_has_the_highest_priority(desk) -> None:
    for resource, priority in (("low", 1), ("high", 5), ("too", 5), ("never", -1)):
        await desk.login(f"a@d/{resource}", "g0", priority)
    assert desk.send(output(Address("a@d"), type="")) == 2
    assert set(desk.tray.frames[0][1].sessions) == {"s-a@d/high", "s-a@d/too"}
    assert desk.send(output(Address("a@d/low"), type="")) == 1
    assert desk.send(output(Address("a@d/none"), type="")) == 0
    assert desk.send(output(Address("nobody@d"), type="")) == 0


async def test_routes_to_a_room_are_kept_until_somebody_moves(desk, monkeypatch) -> None:
    monkeypatch.setattr(post_module, "AUDIENCES_MAX", 2)
    people = [await desk.login(f"u{n}@d/r", f"g{n % 2}") for n in range(4)]
    occupants = {p.jid: Occupant(p.jid, p.jid, p.session, "participant", "") for p in people}
    everyone = output()
    everyone = Output(MESSAGE, everyone.stanza, "r@h/n", Everyone(occupants), "groupchat")
    await desk.post.meet([everyone])
    assert desk.send(everyone) == 4
    kept = desk.post._kept(Everyone(occupants))
    assert kept is not None
    await desk.post.meet([everyone])
    assert desk.send(everyone) == 4
    assert desk.post._kept(Everyone(occupants)) is kept
    await desk.directory.update(people[0], available=False)
    assert desk.post._kept(Everyone(occupants)) is kept
    await desk.directory.delete(people[1])
    assert desk.post._kept(Everyone(occupants)) is None
    assert desk.send(everyone) == 3
    for _ in range(4):
        desk.send(Output(MESSAGE, everyone.stanza, "r@h/n", Everyone(dict(occupants)), "groupchat"))
    assert len(desk.post._audiences) == 2


async def test_what_can_never_be_sent_is_not_waited_for(desk) -> None:
    one = await desk.login("a@d/1", "g0")
    two = await desk.login("b@d/1", "g0")
    both = (Address(one.jid, one.session), Address(two.jid, two.session))
    desk.send(output(*both, stanza=b"<huge/>", kind=IQ))
    assert desk.expected == desk.stored == 1


async def test_presences_for_one_session_are_one_frame(desk) -> None:
    one = await desk.login("a@d/it's", "g0")
    series = tuple(f"<presence from='r@h/n{n}'/>".encode() for n in range(3))
    to = Address(one.jid, one.session)
    several = Output(kind=PRESENCE, stanza=b"", sender="r@h", to=(to,), series=series)
    assert desk.send(several, 5, 2) == 3
    ((_, frame),) = desk.tray.frames
    singles = expanded(frame)
    assert [f.stanza for f in singles] == [f"<presence to='a@d/it&apos;s' from='r@h/n{n}'/>".encode() for n in range(3)]
    # Each has a place of its own, all below that of what comes next.
    assert [(f.sequence, f.index) for f in singles] == [(5, 2), (5, 18), (5, 34)]
    assert 2 + post_module.steps(several) == 35
    assert post_module.steps(output(to)) == 1
    await desk.directory.delete(one)
    assert desk.send(several, 6, 2) == 0


async def test_who_has_blocked_the_speaker_or_the_occupant_gets_nothing_from_him(desk) -> None:
    """XEP-0191 §3.3: by whatever address; the speaker is told that nobody is there."""
    anna = await desk.login("anna@d/r", "g1")
    to = Address(anna.jid, anna.session)
    sorry = output(Address("eve@d/r", ""), type="error", stanza=b"<message type='error'/>")
    await desk.login("eve@d/r", "g2")
    for address in ("eve@d", "r@h/n", "r@h"):
        desk.blocked = {("anna@d", address)}
        desk.tray.frames.clear()
        desk.send(output(to, type="chat", speaker="eve@d/r", otherwise=sorry))
        assert [(gateway, frame.type) for gateway, frame in desk.tray.frames] == [("g2", "error")]
        # Two sessions under one nickname, and no way to say so.
        assert desk.send(output(to, to, type="chat", speaker="eve@d/r")) == 0
    desk.blocked = {("anna@d", "carl@d"), ("eve@d", "eve@d")}
    assert desk.send(output(to, type="chat", speaker="eve@d/r", otherwise=sorry)) == 1


async def test_who_has_blocked_a_room_hears_nothing_of_it(desk) -> None:
    people = {f"u{n}": await desk.login(f"u{n}@d/r", "g1") for n in range(3)}
    everyone = Everyone(people)
    assert desk.send(Output(MESSAGE, b"<message/>", "r@h/n", everyone)) == 3
    desk.blocked = {("u1@d", "r@h")}
    desk.strangers.changed()
    assert desk.send(Output(MESSAGE, b"<message/>", "r@h/other", everyone)) == 2
    desk.blocked.clear()
    desk.strangers.changed()
    assert desk.send(Output(MESSAGE, b"<message/>", "r@h/n", everyone)) == 3


async def test_an_error_is_copied_to_who_has_a_copy_of_the_message(desk) -> None:
    """XEP-0280 §6.1: to the sender's other clients that want copies."""
    phone = await desk.login("eve@d/phone", "g1")
    for resource, carbons in (("desk", True), ("tv", False)):
        record = bus_pb2.SessionRecord(session=f"s-{resource}", gateway="g2", jid=f"eve@d/{resource}", carbons=carbons)
        await desk.directory.create(record)
    sorry = {"type": "error", "stanza": b"<message from='r@h/n' type='error'/>"}
    to = Address(phone.jid, phone.session)
    assert desk.send(output(to, **sorry)) == 1
    assert [gateway for gateway, _ in desk.tray.frames] == ["g1"]
    desk.tray.frames.clear()
    assert desk.send(output(to, copied=True, **sorry)) == 1
    assert [(gateway, frame.to, frame.type) for gateway, frame in desk.tray.frames] == [
        ("g1", "eve@d/phone", "error"),
        ("g2", "eve@d/desk", "error"),
    ]
    copy = desk.tray.frames[1][1]
    assert copy.stanza.startswith(b"<message from='eve@d' to='eve@d/desk' type='error'><received xmlns=")
    assert b"to='eve@d/phone'" in copy.stanza and not copy.session and list(copy.sessions) == ["s-desk"]
    assert desk.expected == desk.stored
