"""One client's transport: bytes, back-pressure, time-outs, TLS. What bytes mean is the stream's affair."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Iterable, Sequence
from functools import partial
from time import time_ns
from typing import Any, cast

from natter.telemetry import trace
from natter.telemetry.names import CONNECTIONS_ACTIVE, LIMITS_HIT, SPAN_CONNECTION, STREAM_ERRORS
from natter.xmpp import ns
from natter.xmpp.element import attr_escape
from natter.xmpp.stream.asks import Answered, Closed, ServerEvent, StartTls
from natter.xmpp.stream.events import Nonza, Series, Stanza
from natter.xmpp.stream.server import ServerStream
from natter.xmpp.xeps import client_state

from . import inactivity, management, negotiation, resumption, simple
from .gateway import Gateway
from .ingest import INBOUND_MASK
from .ratelimit import Bucket, Rate
from .session import Session
from .unacked import Unacked

log = logging.getLogger(__name__)

# Reasons to read no more for now.
RATE, HELD, LANE, WORK, TURN = 1, 2, 4, 8, 16
# After this silence the stream gives its parser back.
QUIET_SECONDS = 10.0
# What a client may send in the tick between its TLS handshake and ours having ended.
EARLY_BYTES_MAX = 64 * 1024


# Every socket is read into this one: between `get_buffer` and `buffer_updated` nothing else happens. Without it uvloop
# asks for 256 KiB at every read of TLS.
READ_BUFFER = memoryview(bytearray(256 * 1024))


class Gone:
    """In a transport's place when it is lost: closed, whatever is asked of it."""

    __slots__ = ()

    def is_closing(self) -> bool:
        return True

    def abort(self) -> None:
        """Done."""

    def pause_reading(self) -> None:
        """Nothing is read."""

    def resume_reading(self) -> None:
        """Nothing is read."""

    def write(self, data: bytes) -> None:
        """To nobody."""

    def close(self) -> None:
        """Done."""

    def can_write_eof(self) -> bool:
        return False


class Connection(asyncio.BufferedProtocol):
    """One TCP or TLS connection. Everything on the way of a stanza happens inside `data_received`."""

    __slots__ = (
        "account",
        "address",
        "bound",
        "closing",
        "early",
        "gateway",
        "heard",
        "opened_us",
        "parted",
        "pinged",
        "rate",
        "resting",
        "session",
        "stalled",
        "stream",
        "transport",
        "transport_name",
        "work",
    )

    transport: asyncio.Transport
    stream: ServerStream

    def __init__(self, gateway: Gateway, *, direct_tls: bool = False) -> None:
        self.gateway = gateway
        self.transport_name = "tls" if direct_tls else "tcp"
        self.address = ""
        # Revision of the account that has logged in.
        self.account = 0
        self.session: Session | None = None
        # The session that it had.
        self.parted: Session | None = None
        self.bound = self.closing = self.stalled = False
        self.resting = 0
        self.heard = self.pinged = 0.0
        self.opened_us = 0
        self.rate: Rate | None = None
        self.work: asyncio.Task[None] | None = None
        # Not None during a TLS handshake.
        self.early: bytearray | None = None

    # --- the loop calls ---------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected; with direct TLS, its handshake is done."""
        gateway = self.gateway
        self.transport = cast(asyncio.Transport, transport)
        self._say_when_full()
        self.address = (transport.get_extra_info("peername") or ("",))[0]
        self.heard = gateway.loop.time()
        self.opened_us = time_ns() // 1000
        self.stream = ServerStream(
            gateway.stream_config,
            secure=self.transport_name == "tls",
            now=self.heard,
            new_id=secrets.token_urlsafe,
            new_nonce=secrets.token_urlsafe,
        )
        CONNECTIONS_ACTIVE.add(self.transport_name)
        refused = gateway.admit(self)
        if refused == "resource-constraint":
            # Nothing is left to be polite with.
            self.closing = True
            self.transport.abort()
        elif refused:
            self.end(refused, "too many connections")

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to read to."""
        return READ_BUFFER

    def buffer_updated(self, nbytes: int) -> None:
        """So much was read."""
        self.data_received(READ_BUFFER[:nbytes].tobytes())

    def data_received(self, data: bytes) -> None:
        """The hot path."""
        if self.closing:
            return
        if self.early is not None:
            self._keep_early(data)
            return
        gateway = self.gateway
        self.heard = now = gateway.loop.time()
        events = self.stream.receive(data, now)
        if self.session is None:
            self._wait_for_turn()
            self.react(events)
            return
        self._take(events, self.session)
        if self.rate is not None and not self.closing:
            # Limits on rates are met by reading slower: the kernel's window tells the client.
            count = len(events) + sum(len(e.sizes) - 1 for e in events if isinstance(e, Series))
            wait = self.rate.take(count, len(data), now)
            if wait > 0.0:
                LIMITS_HIT.add("rate")
                self.rest(RATE)
                gateway.loop.call_later(wait, self.go_on, RATE)
        gateway.look_at_lane()

    def _wait_for_turn(self) -> None:
        """Who has no session yet says one thing per turn."""
        gate = self.gateway.gate
        if not self.resting & TURN and not gate.free():
            self.rest(TURN)
            gate.go_on(partial(self.go_on, TURN))

    def _say_when_full(self) -> None:
        """Let "paused" mean "not all of it was taken": the outbox then knows what was written."""
        # uvloop pauses above the limit on TCP, but at the limit on TLS, where 0 would pause an empty buffer for ever.
        self.transport.set_write_buffer_limits(high=1 if self.transport_name == "tls" else 0, low=0)

    def pause_writing(self) -> None:
        """The socket took less than it was given."""
        self.stalled = True
        if self.session is not None:
            self.session.outbox.stall()

    def resume_writing(self) -> None:
        """The socket has taken everything."""
        self.stalled = False
        if self.session is not None:
            self.session.outbox.room()
            self.write()

    def connection_lost(self, exc: Exception | None) -> None:
        """The transport is gone."""
        self.closing = True
        self.gateway.lost(self)

    def gone(self) -> None:
        """See to what is left of it, when its turn has come."""
        self.stream.connection_lost()
        if self.session is not None:
            self._part(self.session, resumption.can_wait(self.session))
        self.gateway.dismiss(self)
        CONNECTIONS_ACTIVE.add(self.transport_name, by=-1)
        self._span()
        # The session knows its connection, and a TLS transport its protocol: left in circles, all would stay until a
        # full collection, with the buffers of TLS (some 30 KB).
        self.parted = None
        self.transport = cast(asyncio.Transport, Gone())

    # --- reading ----------------------------------------------------------------------------------------------------

    def react(self, events: Iterable[ServerEvent]) -> None:
        """Do what the stream asks for, then write what it has to say."""
        for event in events:
            if self.session is not None and not isinstance(event, StartTls):
                self._take((event,), self.session)
            elif isinstance(event, Closed):
                self._close(event.condition)
                return
            elif isinstance(event, StartTls):
                self.say()
                self.begin(self._upgrade())
                return
            else:
                negotiation.ask(self, event)
        self.say()

    def _take(self, events: Sequence[ServerEvent], session: Session) -> None:
        gateway = self.gateway
        now_us = time_ns() // 1000
        at, end = simple.take(gateway, session, events, now_us), len(events)
        while at < end:
            event = events[at]
            if isinstance(event, Stanza | Series):
                if not simple.one_by_one(gateway, session, event, now_us):
                    self._hold(session)
            elif isinstance(event, Nonza):
                (inactivity.take if event.name in client_state.NONZAS else management.take)(self, session, event)
            elif isinstance(event, Answered):
                # XEP-0198 §4: every stanza counts.
                session.inbound = session.inbound + 1 & INBOUND_MASK
                gateway.counted(session)
                gateway.answer(session, "iq", event.reply)
            elif isinstance(event, Closed):
                self._close(event.condition)
            if session.over or self.closing:
                return
            at = simple.take(gateway, session, events, now_us, at + 1)
        if session.managed is not None:
            management.look(gateway, session, session.managed)
        self.say()

    def _hold(self, session: Session) -> None:
        """Read no more until the presence that stanzas wait behind is in the lane."""
        if session.announcing is not None and not self.resting & HELD:
            self.rest(HELD)
            session.announcing.add_done_callback(lambda _: self.go_on(HELD))

    def rest(self, reason: int) -> None:
        """Read no more until `go_on` with the same reason."""
        if not self.resting:
            self.transport.pause_reading()
        self.resting |= reason

    def go_on(self, reason: int) -> None:
        """That reason has gone."""
        before, self.resting = self.resting, self.resting & ~reason
        if before and not self.resting and not self.transport.is_closing():
            self.transport.resume_reading()

    def congested(self, congested: bool) -> None:
        """The lane takes no more, or does again."""
        if congested:
            self.rest(LANE)
        else:
            self.go_on(LANE)

    # --- writing ----------------------------------------------------------------------------------------------------

    def say(self) -> None:
        """Write what the stream has to say, in its place among the stanzas."""
        data = self.stream.data_to_send()
        if not data:
            return
        if self.session is not None and not self.closing:
            self.gateway.say(self.session, data)
        elif not self.transport.is_closing():
            self.transport.write(data)

    def write(self) -> None:
        """One write for everything that waits in the outbox."""
        session = self.session
        if session is None or self.stalled or self.closing or self.transport.is_closing():
            return
        outbox = session.outbox
        if outbox.parts:
            self.transport.write(outbox.take())
            if not self.stalled:
                outbox.sent()

    # --- what takes time --------------------------------------------------------------------------------------------

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Something the client must wait for: nothing is read meanwhile."""
        self.rest(WORK)
        self.work = self.gateway.loop.create_task(self._do(work))

    async def _do(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception:
            log.exception("negotiation failed")
            self.end("internal-server-error")
        finally:
            self.work = None
            self.go_on(WORK)

    async def _upgrade(self) -> None:
        """STARTTLS, after <proceed/> was written."""
        gateway = self.gateway
        assert gateway.tls is not None
        await gateway.gate.turn()
        if self.closing:
            return
        self.early = bytearray()
        try:
            transport = await gateway.loop.start_tls(
                self.transport,
                self,
                gateway.tls,
                server_side=True,
                ssl_handshake_timeout=gateway.settings.tls_seconds_max,
                ssl_shutdown_timeout=gateway.settings.close_seconds_max,
            )
        except (OSError, asyncio.CancelledError):
            # The client's mistake, or it has gone: there is nobody to tell.
            LIMITS_HIT.add("tls_handshake")
            self.transport.abort()
            return
        if transport is None or self.closing:
            self.transport.abort()
            return
        self.transport = transport
        CONNECTIONS_ACTIVE.add(self.transport_name, by=-1)
        self.transport_name = "tls"
        self._say_when_full()
        CONNECTIONS_ACTIVE.add(self.transport_name)
        early, self.early = self.early, None
        if self.resting & ~WORK:
            self.transport.pause_reading()
        self.react(self.stream.tls_established())
        if early:
            self.data_received(bytes(early))

    def _keep_early(self, data: bytes) -> None:
        """Encrypted data that came in the tick in which the handshake ended."""
        assert self.early is not None
        self.early += data
        if len(self.early) > EARLY_BYTES_MAX:
            LIMITS_HIT.add("early_data")
            self.transport.abort()

    def bind(self, session: Session) -> None:
        """This connection has a session now."""
        session.transport = self.transport_name
        session.outbox.stalled = self.stalled
        self.session = session
        self.bound = True
        if self.gateway.congested:
            self.congested(True)
        settings = self.gateway.settings
        if self.gateway.server.rate_limits:
            self.rate = Rate(
                Bucket(settings.stanzas_per_second, settings.stanzas_burst),
                Bucket(settings.bytes_per_second, settings.bytes_burst),
            )

    # --- time and the end -------------------------------------------------------------------------------------------

    def check(self, now: float) -> None:
        """Look at the time-outs."""
        if self.closing:
            return
        if self.session is None:
            self.react(self.stream.tick(now))
            return
        if self.resting:
            # Not heard because not listened to.
            self.heard = now
        silent = now - self.heard
        if self.session.managed is not None:
            management.check(self.gateway, self.session, self.session.managed)
        if self.pinged > self.heard:
            if now - self.pinged > self.gateway.settings.ping_seconds_max:
                LIMITS_HIT.add("idle")
                # RFC 6120 §4.6.3: the peer does not answer; §4.9.3.4.
                self.end("connection-timeout")
        elif silent >= self.gateway.settings.idle_seconds:
            self.pinged = now
            self._ping(self.session)
        elif silent >= QUIET_SECONDS:
            self.stream.idle()

    def _ping(self, session: Session) -> None:
        if isinstance(session.outbox, Unacked):
            session.outbox.ask()
            inactivity.flush(self.gateway, session)
            return
        # XEP-0199 §4.1: server to client.
        domain = self.gateway.server.domain
        to = attr_escape(session.jid)
        head = f"<iq type='get' id='ping-{secrets.token_hex(4)}' from='{domain}' to='{to}'>"
        self.gateway.say(session, f"{head}<ping xmlns='{ns.PING}'/></iq>".encode())

    def end(self, condition: str, text: str = "", detail: bytes = b"") -> None:
        """Close the stream with a stream error."""
        if not self.closing:
            self.stream.terminate(condition, text, detail)
            self._close(condition)

    def overflow(self) -> None:
        """Too much waits for the client. A session that can be resumed goes on without this connection."""
        waits = self.session is not None and resumption.can_wait(self.session)
        self.end("resource-constraint" if waits else "policy-violation", "too much is waiting to be read")

    def replaced(self) -> None:
        """The session was resumed on another connection."""
        self.write()
        self.parted, self.session = self.session, None
        # XEP-0198 §5
        self.end("conflict", "resumed on another connection")

    def _part(self, session: Session, waits: bool) -> None:
        """The session goes on without this connection, or is over."""
        self.parted = session
        self.session = None
        if inactivity.connection_of(session.link) is not self:
            return
        if waits:
            resumption.detach(self.gateway, session)
        else:
            self.gateway.leave(session)

    def _close(self, condition: str) -> None:
        """Write what is left, say the end, and see to it that it comes."""
        if condition:
            STREAM_ERRORS.add(condition)
        self.write()
        self.closing = True
        if self.session is not None:
            self._part(self.session, condition in resumption.SURVIVED and resumption.can_wait(self.session))
        transport = self.transport
        if self.early is not None:
            # In the middle of a handshake: no stream error can be read.
            transport.abort()
            return
        self.say()
        self.gateway.loop.call_later(self.gateway.settings.close_seconds_max, self._cut)
        if condition and transport.can_write_eof():
            # What the client is still sending is read and thrown away: closing now would reset the connection, and the
            # client might not see the error.
            transport.write_eof()
            if self.resting:
                self.resting = 0
                transport.resume_reading()
        else:
            transport.close()

    def _cut(self) -> None:
        self.transport.abort()

    def _span(self) -> None:
        session = self.session or self.parted
        tally = self.gateway.tally
        traceparent = session.traceparent if session is not None else ""
        trace.span(
            SPAN_CONNECTION,
            traceparent=traceparent or tally.roll(),
            start_us=self.opened_us,
            end_us=time_ns() // 1000,
            attributes={
                "jid": session.jid if session is not None else "",
                "client_ip": self.address,
                "transport": self.transport_name,
            },
        )
