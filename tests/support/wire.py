"""A server stream with the bookkeeping that its owner does, and the words of a client, for tests without a socket."""

from __future__ import annotations

import base64

from natter.xmpp import ns
from natter.xmpp.sasl.keys import Keys, keys_for
from natter.xmpp.stream.asks import (
    BindWanted,
    CredentialsWanted,
    PlainWanted,
    RegistrationIq,
    ResumeWanted,
    ServerEvent,
    StartTls,
)
from natter.xmpp.stream.events import Stanza
from natter.xmpp.stream.opening import Config
from natter.xmpp.stream.server import ServerStream
from natter.xmpp.stream.states import State
from natter.xmpp.xeps.stream_management import NONZAS

CONFIG = Config("localhost", registration=True, nonzas=NONZAS)
OPEN = (
    b"<?xml version='1.0'?><stream:stream to='localhost' version='1.0' xmlns='jabber:client' "
    b"xmlns:stream='http://etherx.jabber.org/streams'>"
)
STARTTLS = b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"
REGISTER = b"<iq type='get' id='r'><query xmlns='jabber:iq:register'/></iq>"
BIND = b"<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>phone</resource></bind></iq>"
SESSION = b"<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>"
CHAT = b"<message to='bob@localhost' type='chat'><body>hi</body></message>"
RESUME = b"<resume xmlns='urn:xmpp:sm:3' previd='old' h='7'/>"
CLOSE = b"</stream:stream>"
SALT = bytes(range(16))
STORED = {m: Keys(SALT, 4096, *keys_for("secret", m, SALT, 4096)) for m in ("SCRAM-SHA-1", "SCRAM-SHA-256")}


def auth(mechanism: str, message: str | None = None) -> bytes:
    text = "" if message is None else base64.b64encode(message.encode()).decode() or "="
    return f"<auth xmlns='{ns.SASL}' mechanism='{mechanism}'>{text}</auth>".encode()


def response(message: str) -> bytes:
    return f"<response xmlns='{ns.SASL}'>{base64.b64encode(message.encode()).decode()}</response>".encode()


def abort() -> bytes:
    return f"<abort xmlns='{ns.SASL}'/>".encode()


PLAIN = auth("PLAIN", "\0alice\0secret")


class Wire:
    """A server stream with the bookkeeping that its owner does, answering at once."""

    def __init__(self, config: Config = CONFIG, *, secure: bool = True, answers: bool = False) -> None:
        self.ids = iter(range(1_000_000))
        self.stream = ServerStream(
            config, secure=secure, now=0.0, new_id=lambda: f"id{next(self.ids)}", new_nonce=lambda: "servernonce"
        )
        self.answers = answers
        self.events: list[ServerEvent] = []
        self.sent = b""

    def send(self, data: bytes, now: float = 1.0) -> list[ServerEvent]:
        """What `data` brings about, answers included."""
        return self.note(self.stream.receive(data, now))

    def note(self, events: object) -> list[ServerEvent]:
        assert isinstance(events, list)
        self.sent += self.stream.data_to_send()
        found: list[ServerEvent] = list(events)
        for event in events:
            if self.answers:
                found += self.answer(event)
        self.events += events
        return found

    def answer(self, event: ServerEvent) -> list[ServerEvent]:
        match event:
            case CredentialsWanted(_, mechanism):
                return self.note(self.stream.credentials(STORED[mechanism]))
            case PlainWanted(_, password):
                return self.note(self.stream.plain_result(password == "secret"))
            case BindWanted(_, resource):
                return self.note(self.stream.bound(f"alice@localhost/{resource}"))
            case ResumeWanted(_, previd, h):
                return self.note(self.stream.resumed("alice@localhost/phone", previd, h))
            case RegistrationIq():
                return self.note(self.stream.registration_reply(b"<iq type='result' id='r'/>"))
            case StartTls():
                return self.note(self.stream.tls_established())
            case _:
                return []

    def read(self) -> bytes:
        """What was sent since the last time."""
        sent, self.sent = self.sent, b""
        return sent

    @property
    def state(self) -> State:
        return self.stream.state


def stanzas(events: list[ServerEvent]) -> list[bytes]:
    return [event.raw for event in events if isinstance(event, Stanza)]


def in_state(state: State) -> Wire:
    """A stream brought to `state` the way a client brings it there."""
    wire = Wire(secure=state is not State.TLS)
    steps = {
        State.HEADER: (),
        State.NEGOTIATING: (OPEN,),
        State.TLS: (OPEN, STARTTLS),
        State.CREDENTIALS: (OPEN, auth("SCRAM-SHA-1", "n,,n=alice,r=x")),
        State.CHALLENGED: (OPEN, auth("SCRAM-SHA-1")),
        State.PASSWORD: (OPEN, PLAIN),
        State.REGISTERING: (OPEN, REGISTER),
        State.CLOSED: (OPEN, CLOSE),
    }.get(state, (OPEN, PLAIN))
    for step in steps:
        wire.send(step)
    if state in (State.BINDING, State.ASSIGNING, State.RESUMING, State.BOUND):
        wire.stream.plain_result(True)
        wire.send(OPEN)
    if state in (State.ASSIGNING, State.BOUND):
        wire.send(BIND)
    if state is State.RESUMING:
        wire.send(RESUME)
    if state is State.BOUND:
        wire.stream.bound("alice@localhost/phone")
    wire.stream.data_to_send()
    wire.read()
    assert wire.state is state
    return wire
