"""Stream management on an established stream: enable, requests and answers, what the client is told of what it sent."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from natter.proto.v1 import bus_pb2
from natter.xmpp.stream.events import Nonza
from natter.xmpp.stream.server import ServerStream
from natter.xmpp.xeps import stream_management as sm

from . import acktrace, backlog, inactivity, resumption
from .gateway import Gateway
from .session import Held, Managed, Session
from .unacked import Unacked

# Requests that wait for the lane. Beyond it several are answered with one `<a/>`: only those of one read can add to it.
REQUESTS_MAX = 256
# 192 random bits: XEP-0198 §5 wants an id that nobody guesses.
ID_BYTES = 24


class Client(Protocol):
    """What is asked of the connection."""

    gateway: Gateway
    stream: ServerStream

    def end(self, condition: str, text: str = "", detail: bytes = b"") -> None:
        """Close the stream with a stream error."""


def take(client: Client, session: Session, nonza: Nonza) -> None:
    """One of `stream_management.NONZAS` on a bound stream."""
    managed = session.managed
    gateway = client.gateway
    if nonza.name == sm.ENABLE:
        if managed is None:
            enable(gateway, session, nonza)
        else:
            # XEP-0198 §3: one attempt at most; a second one ends the stream.
            gateway.say(session, sm.failed("unexpected-request"))
            client.end("policy-violation", "stream management is enabled already")
    elif managed is None or nonza.name == sm.RESUME:
        # XEP-0198 §3, §5: not before it is enabled; a former stream is resumed instead of binding a resource.
        gateway.say(session, sm.failed("unexpected-request"))
    elif nonza.name == sm.REQUEST:
        requested(gateway, session, (session.inbound,))
    else:
        acknowledged(client, session, nonza)


def enable(gateway: Gateway, session: Session, nonza: Nonza) -> None:
    """XEP-0198 §3."""
    try:
        wanted = sm.enable(nonza.attributes)
    except sm.Malformed:
        gateway.say(session, sm.failed("bad-request"))
        return
    settings = gateway.settings
    seconds = min(wanted.max_seconds or settings.resume_seconds_max, settings.resume_seconds_max)
    # XEP-0198 §4: what the client sends from here on counts.
    session.inbound = 0
    if not wanted.resume or not seconds:
        session.managed = Managed("", 0)
        begin(gateway, session, sm.enabled())
        return
    # XEP-0198 §5: an id that cannot be guessed; whoever shows it must be the same account besides.
    id = secrets.token_urlsafe(ID_BYTES)
    session.managed = Managed(resumption.hashed(id), seconds, enabled=False)
    counting = asyncio.Event()
    gateway.counted(session, counting.set)
    gateway.spawn(make_known(gateway, session, session.managed, sm.enabled(id, seconds), counting))


async def make_known(
    gateway: Gateway, session: Session, managed: Managed, enabled: bytes, counting: asyncio.Event
) -> None:
    """Before the client is told: any gateway must find the session, and where its counts begin, in lane and log."""
    done = await gateway.binding.change(
        session, lane=gateway.binding.lane_number, resumption=managed.id, resume_seconds=managed.resume_seconds
    )
    await counting.wait()
    if not done or session.over:
        return
    gateway.starting[session.id] = lambda: begin(gateway, session, enabled)
    gateway.note(bus_pb2.Frame(control=bus_pb2.CONTROL_ADOPTED, sessions=[session.id], gateway=gateway.incarnation))


def begin(gateway: Gateway, session: Session, enabled: bytes) -> None:
    """<enabled/>, and from here on what the client is sent counts."""
    managed = session.managed
    if session.over or managed is None:
        return
    settings = gateway.settings
    before = session.outbox
    session.outbox = outbox = Unacked(
        settings.unacked_bytes_max,
        settings.unacked_stanzas_max,
        settings.ask_stanzas,
        gateway.cursor,
        settings.backlog_stanzas_max,
    )
    outbox.parts = before.parts
    outbox.stalled = before.stalled
    managed.enabled = True
    if managed.id:
        gateway.resumable[managed.id] = session
    gateway.say(session, enabled)
    if managed.telling:
        tell(gateway, session, managed)


def acknowledged(client: Client, session: Session, nonza: Nonza) -> None:
    """XEP-0198 §4: an `<a/>`."""
    outbox = session.outbox
    try:
        h = sm.handled(nonza.attributes)
    except sm.Malformed:
        client.end("bad-format", "an <a/> has an h")
        return
    if not isinstance(outbox, Unacked):
        # It was not told that it may.
        client.end("policy-violation", "stream management is not enabled yet")
    elif not outbox.acknowledge(h):
        # XEP-0198 §6
        text = f"you acknowledged {h} stanzas, and were sent {outbox.given}"
        client.end("undefined-condition", text, sm.too_high(h, outbox.given))
    else:
        if session.managed is not None:
            acktrace.acknowledged(session, session.managed, h)
        backlog.look(client.gateway, session)


def requested(gateway: Gateway, session: Session, counts: Sequence[int]) -> None:
    """XEP-0198 §4: an `<r/>` behind each of so many stanzas, all of which are on their way to the lane."""
    managed = session.managed
    assert managed is not None
    if managed.asked >= REQUESTS_MAX:
        # One answer, of the newest count, when some of those before are given.
        managed.owed = True
        return
    managed.asked += len(counts)
    when_durable(gateway, session, partial(reply, gateway, session, managed, counts), counts[-1])


def reply(gateway: Gateway, session: Session, managed: Managed, counts: Sequence[int]) -> None:
    """What the requests were behind is stored: an `<a/>` for each of them."""
    managed.asked -= len(counts)
    if len(counts) > 1 and managed.enabled and not session.over and gateway.certain():
        gateway.say(session, b"".join(map(sm.answer, counts[:-1])))
    tell(gateway, session, managed)
    if managed.owed and not session.over:
        managed.owed = False
        requested(gateway, session, (session.inbound,))


def when_durable(gateway: Gateway, session: Session, then: Callable[[], None], h: int | None = None) -> None:
    """Call `then` when everything that the session has sent so far is stored; `managed.durable` says how much.

    Or the first `h` of it.
    """
    managed = session.managed
    assert managed is not None
    if h is None:
        h = session.inbound

    def stored() -> None:
        managed.durable = h
        then()

    def added() -> None:
        gateway.lane.when_stored(stored)

    if session.announcing is not None:
        # Behind what waits for the directory.
        session.held.append(Held(None, then=added))
    else:
        added()


async def durable(gateway: Gateway, session: Session) -> int:
    """How many stanzas the session has sent, once all of them are stored."""
    done = asyncio.Event()
    when_durable(gateway, session, done.set)
    await done.wait()
    assert session.managed is not None
    return session.managed.durable


def tell(gateway: Gateway, session: Session, managed: Managed) -> None:
    """`<a/>`: what is durable, and only that."""
    if not managed.enabled:
        # Behind <enabled/>.
        managed.telling = True
        return
    if not gateway.certain():
        managed.telling = True
        gateway.spawn(tell_if_ours(gateway, session, managed))
        return
    say_durable(gateway, session, managed)


async def tell_if_ours(gateway: Gateway, session: Session, managed: Managed) -> None:
    """This gateway stood still: what it has stored since may stand behind a fence, and then it does not count."""
    h = managed.durable
    if await gateway.has(session):
        managed.durable = h
        say_durable(gateway, session, managed)


def say_durable(gateway: Gateway, session: Session, managed: Managed) -> None:
    """`<a/>`, now."""
    managed.telling = False
    managed.told = managed.durable
    if not session.over:
        gateway.say(session, sm.answer(managed.durable))


def look(gateway: Gateway, session: Session, managed: Managed) -> None:
    """After a read: tell unasked now and then, so that the client can forget what it sent (XEP-0198 §4)."""
    if not managed.telling and (session.inbound - managed.told) & sm.MASK >= gateway.settings.tell_stanzas:
        managed.telling = True
        when_durable(gateway, session, lambda: tell(gateway, session, managed))


def check(gateway: Gateway, session: Session, managed: Managed) -> None:
    """In a quiet moment: let both sides know what neither has said."""
    outbox = session.outbox
    if isinstance(outbox, Unacked) and outbox.unasked and outbox.attached and not inactivity.is_waiting(session):
        outbox.ask()
        gateway.wake(session)
    if not managed.telling and session.inbound != managed.told:
        managed.telling = True
        when_durable(gateway, session, lambda: tell(gateway, session, managed))
