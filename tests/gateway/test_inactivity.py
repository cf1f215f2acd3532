"""An inactive client hears what is important at once, and the rest together, in order; an active one pays nothing."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from typing import Any

import pytest
from natter.gateway.inactivity import Quiet, connection_of, flush, is_waiting, take
from natter.gateway.outbox import Outbox
from natter.gateway.session import Session
from natter.gateway.settings import Settings
from natter.gateway.unacked import Unacked
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, KIND_PRESENCE, Frame
from natter.telemetry import names
from natter.xmpp.stream.events import Nonza
from natter.xmpp.xeps.client_state import ACTIVE, INACTIVE
from natter.xmpp.xeps.stream_management import ASK

# Namespaces round an element: none that matter.
NOWHERE: Any = None
STATE = "<{} xmlns='http://jabber.org/protocol/chatstates'/>"


class Socket:
    """A connection that takes everything, and says what it was given."""

    def __init__(self) -> None:
        self.session: Any = None
        self.written: list[bytes] = []
        self.ended: list[str] = []

    def write(self) -> None:
        if self.session.outbox.parts and not self.session.outbox.stalled:
            self.written.append(self.session.outbox.take())

    def end(self, condition: str, text: str = "") -> None:
        self.ended.append(condition)

    def overflow(self) -> None:
        self.ended.append("overflow")

    def replaced(self) -> None:
        self.ended.append("replaced")


class Client:
    """A session with a socket, and its gateway as far as that is asked."""

    def __init__(self, session: Session, **settings: int) -> None:
        self.gateway: Any = self
        self.settings = Settings.model_validate(settings)
        self.session = session
        self.socket = Socket()
        self.socket.session = session
        session.link = self.socket

    def wake(self, session: Session) -> None:
        session.link.write()

    def says(self, name: str) -> None:
        take(self, self.session, Nonza(name, {}, (), b"", NOWHERE))

    def gets(self, *stanzas: str, kind: int = KIND_PRESENCE) -> list[bytes]:
        """Something is delivered in each tick; what was written by then, and not seen before."""
        for stanza in stanzas:
            self.session.outbox.add(stanza.encode(), Frame(kind=kind, type="chat", stanza=stanza.encode()))
            self.session.link.write()
        seen, self.socket.written = self.socket.written, []
        return seen


@pytest.fixture
def client(session_of: Callable[..., Session]) -> Client:
    from natter.bus.directory import Session as Record

    record = Record("juliet@capulet.lit/b", "juliet@capulet.lit", "b", "s1", "g1", True, 0, 1, 1)
    return Client(session_of(record))


def presence(who: str, show: str = "") -> str:
    return f"<presence from='{who}@x/r'><show>{show}</show></presence>"


def message(who: str, inside: str) -> str:
    return f"<message from='{who}@x/r' type='chat'>{inside}</message>"


def test_who_is_active_gets_everything_at_once(client: Client) -> None:
    assert client.gets(presence("romeo")) == [presence("romeo").encode()]
    client.says(ACTIVE)
    assert client.session.link is client.socket


def test_presence_waits_for_activity_the_latest_of_each(client: Client) -> None:
    client.says(INACTIVE)
    assert client.gets(presence("romeo", "away"), presence("nurse"), presence("romeo", "xa")) == []
    assert is_waiting(client.session)
    client.says(ACTIVE)
    assert client.socket.written == [(presence("nurse") + presence("romeo", "xa")).encode()]
    assert client.session.link is client.socket and not is_waiting(client.session)


def test_what_is_important_takes_along_what_waits_in_order(client: Client) -> None:
    client.says(INACTIVE)
    hi = message("romeo", "<body>hi</body>")
    assert client.gets(presence("nurse"), presence("romeo"), hi) == [
        (presence("nurse") + presence("romeo") + hi).encode()
    ]
    # And then others wait again.
    assert client.gets(presence("romeo", "dnd")) == []
    assert client.gets("<iq type='result' id='1'/>") == [
        (presence("romeo", "dnd") + "<iq type='result' id='1'/>").encode()
    ]


def test_the_last_chat_state_of_a_conversation(client: Client) -> None:
    client.says(INACTIVE)
    states = [message("romeo", STATE.format(word)) for word in ("composing", "paused", "composing", "active")]
    assert client.gets(*states, message("nurse", STATE.format("gone")), kind=KIND_MESSAGE) == []
    client.says(ACTIVE)
    assert client.socket.written == [(states[-1] + message("nurse", STATE.format("gone"))).encode()]


def test_in_one_tick_with_what_is_important(client: Client) -> None:
    client.says(INACTIVE)
    outbox, hi = client.session.outbox, message("romeo", "<body>hi</body>")
    said = [presence("romeo", "away"), presence("romeo", "xa"), hi, presence("romeo", "dnd")]
    for stanza in said:
        outbox.add(stanza.encode(), Frame())
    client.session.link.write()
    # Only the latest before it; and who is heard before it is not heard behind it.
    assert client.socket.written == ["".join(said[1:]).encode()]


def test_inactive_twice_and_active_twice(client: Client) -> None:
    for name in (INACTIVE, INACTIVE):
        client.says(name)
    assert isinstance(client.session.link, Quiet) and connection_of(client.session.link) is client.socket
    client.gets(presence("romeo"))
    for name in (ACTIVE, ACTIVE):
        client.says(name)
    assert client.socket.written == [presence("romeo").encode()]


@pytest.mark.parametrize("limits", [{"inactive_stanzas_max": 3}, {"inactive_bytes_max": 160}])
def test_there_is_a_limit(session_of: Any, client: Client, limits: dict[str, int]) -> None:
    bounded = Client(client.session, **limits)
    bounded.says(INACTIVE)
    assert bounded.gets(*(presence(f"p{n}") for n in range(3))) == []
    assert len(bounded.gets(presence("p3"))) == 1
    assert bounded.gets(presence("p4")) == []
    # What is superseded does not count.
    assert bounded.gets(*(presence("p4", str(n)) for n in range(9))) == []


def test_frames_that_wait_do_not_hold_their_envelopes(client: Client) -> None:
    client.says(INACTIVE)
    client.gets(presence("romeo"), presence("nurse"))
    assert client.session.outbox.unwritten() == []
    client.gets(message("romeo", STATE.format("composing")), kind=KIND_MESSAGE)
    # A chat state is owed to its sender like any message.
    [frame] = client.session.outbox.unwritten()
    assert frame.type == "chat"


def test_a_stalled_socket_has_its_own_rules(client: Client) -> None:
    client.says(INACTIVE)
    client.gets(presence("romeo"))
    client.session.outbox.stall()
    assert client.gets(presence("nurse")) == [] and not is_waiting(client.session)
    client.session.outbox.room()
    assert client.gets(presence("friar")) == [] and is_waiting(client.session)
    client.says(ACTIVE)
    assert client.socket.written == ["".join(map(presence, ("romeo", "nurse", "friar"))).encode()]


def managed(client: Client, **limits: int) -> Unacked:
    client.session.outbox = outbox = Unacked(1 << 20, 1000, limits.get("ask_stanzas", 100))
    client.says(INACTIVE)
    return outbox


def test_under_stream_management_all_is_counted_and_sent(client: Client) -> None:
    outbox = managed(client)
    assert client.gets(presence("romeo", "away"), presence("romeo", "xa")) == []
    # XEP-0198 §4: other gateways count what is in the log.
    assert outbox.given == 2
    client.says(ACTIVE)
    assert client.socket.written == [(presence("romeo", "away") + presence("romeo", "xa")).encode()]


def test_a_request_for_acknowledgement_waits_with_what_it_is_behind(client: Client) -> None:
    outbox = managed(client, ask_stanzas=2)
    assert client.gets(presence("a"), presence("b"), presence("c")) == []
    assert outbox.parts[2] is ASK
    flush(client.gateway, client.session)
    assert client.socket.written == [(presence("a") + presence("b")).encode() + ASK + presence("c").encode()]


def test_what_nobody_can_acknowledge_leaves_room(client: Client) -> None:
    few = Client(client.session, unacked_stanzas_max=16)
    managed(few)
    assert few.gets(*(presence(f"p{n}") for n in range(8))) == []
    assert len(few.gets(presence("p8"))) == 1


def test_the_end_is_the_connections(client: Client) -> None:
    client.says(INACTIVE)
    link = client.session.link
    link.end("conflict")
    link.overflow()
    link.replaced()
    assert client.socket.ended == ["conflict", "overflow", "replaced"]


def test_it_is_counted(client: Client) -> None:
    ends = ("written",), ("superseded",)
    before = [names.INACTIVE.values.get(end, 0) for end in ends]
    client.says(INACTIVE)
    client.gets(presence("a"), presence("a", "xa"), presence("b"))
    client.says(ACTIVE)
    assert [names.INACTIVE.values[end] - was for end, was in zip(ends, before, strict=True)] == [2, 1]


CSI = "<{} xmlns='urn:xmpp:csi:0'/>"
SM = "urn:xmpp:sm:3"
PLAIN = base64.b64encode(b"\0alice\0secret").decode()


async def test_on_the_wire(world: Any) -> None:
    """XEP-0352 §4.1, §5.1, §5.2."""
    running = await world.gateway()
    juliet = await world.login(running, "alice", "balcony")
    romeo = await world.login(running, "bob", "orchard")
    juliet.send(CSI.format("inactive"))
    typing = f"<message to='{juliet.jid}' type='chat' id='typing'>{STATE.format('composing')}</message>"
    romeo.send(typing + typing.replace("composing", "paused"))
    # What comes behind it on another way shows that it has been delivered.
    gateway = running.gateway
    session = next(s for s in gateway.sessions.values() if s.jid == juliet.jid)
    async with asyncio.timeout(30):
        while not is_waiting(session):
            await asyncio.sleep(0.005)
    assert juliet.text == ""
    romeo.send(f"<message to='{juliet.jid}' type='chat' id='said'><body>hi</body></message>")
    heard = (await juliet.until(".*id='said'.*?</message>")).group(0)
    assert "paused" in heard and "composing" not in heard.replace("paused", "")
    assert heard.index("paused") < heard.index("<body>")
    await asyncio.gather(juliet.close(), romeo.close())
    # The session has ended with its connection, though its link was another.
    async with asyncio.timeout(30):
        while gateway.sessions:
            await asyncio.sleep(0.005)


async def test_it_is_offered_after_authentication_only(world: Any) -> None:
    running = await world.gateway()
    raw = await world.connect(running)
    assert "urn:xmpp:csi:0" not in await raw.features()
    await raw.close()


def test_an_outbox_is_what_it_was(client: Client) -> None:
    client.says(INACTIVE)
    client.gets(presence("romeo"))
    assert isinstance(client.session.outbox, Outbox)


async def test_a_resumed_stream_is_active_and_has_all_that_waited(world: Any) -> None:
    """XEP-0352 §5.2, XEP-0198 §5: what was counted and not written is sent again, in order."""
    running = await world.gateway()
    alice = await world.login(running, "alice", "r")
    alice.send(f"<enable xmlns='{SM}' resume='true' max='600'/>")
    previd = (await alice.until(f"<enabled xmlns='{SM}' id='([^']*)'[^>]*>")).group(1)
    bob = await world.login(running, "bob", "b")
    session = next(s for s in running.gateway.sessions.values() if s.jid == alice.jid)
    alice.send(CSI.format("inactive"))
    for word in ("composing", "paused"):
        bob.send(f"<message to='{alice.jid}' type='chat'>{STATE.format(word)}</message>")
    await world.router.until(lambda: len(session.outbox.queue) == 2)
    assert is_waiting(session) and alice.text == ""
    alice.writer.transport.abort()
    await world.router.until(lambda: session.managed.expiry is not None)

    alice = await world.connect(running)
    await alice.features()
    alice.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{PLAIN}</auth>")
    await alice.until("<success[^>]*/>|<success.*</success>")
    assert "<csi xmlns='urn:xmpp:csi:0'/>" in await alice.features()
    alice.send(f"<resume xmlns='{SM}' previd='{previd}' h='0'/>")
    heard = (await alice.until("<resumed.*paused")).group(0)
    assert heard.count("composing") == 1
    assert connection_of(session.link) is session.link
    # Nothing waits any more.
    bob.send(f"<message to='{alice.jid or session.jid}' type='chat'>{STATE.format('active')}</message>")
    await alice.until("<active xmlns='http://jabber.org/protocol/chatstates'")
    alice.send(f"<a xmlns='{SM}' h='3'/>")
    await world.router.until(lambda: not session.outbox.queue)
    await asyncio.gather(alice.close(), bob.close())
