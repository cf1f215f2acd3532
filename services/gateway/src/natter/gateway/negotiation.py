"""What a stream asks while it is set up: keys, a password's truth, an account, a resource. All take their time."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any, Protocol

from natter.bus.api import BusError
from natter.bus.directory import Session as Record
from natter.proto.v1 import accounts_pb2
from natter.telemetry.names import AUTHENTICATIONS, LIMITS_HIT
from natter.xmpp import element, jid
from natter.xmpp.errors import error_reply, result_reply
from natter.xmpp.sasl.dialogue import CredentialsWanted, PlainWanted
from natter.xmpp.sasl.keys import Keys
from natter.xmpp.stream.asks import (
    Authenticated,
    AuthenticationFailed,
    BindWanted,
    RegistrationIq,
    ResumeWanted,
    ServerEvent,
)
from natter.xmpp.stream.events import Stanza
from natter.xmpp.stream.server import ServerStream
from natter.xmpp.xeps.stream_management import too_high

from . import acktrace, backlog, resumption
from .auth import Unreachable, keys_by_mechanism
from .binding import Refused
from .gateway import Gateway
from .management import durable
from .outbox import Outbox
from .registration import Answer
from .session import Session
from .unacked import Unacked

# SASL failures that say nothing about who is trying (RFC 6120 §6.5).
NOT_COUNTED = frozenset(("temporary-auth-failure", "aborted"))
# A session may move to another gateway, and back, while a client asks for it.
RESUME_ROUNDS_MAX = 3


class Client(Protocol):
    """What is asked of the connection."""

    gateway: Gateway
    stream: ServerStream
    address: str
    closing: bool
    account: int

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that takes time; read nothing meanwhile."""

    def react(self, events: Iterable[ServerEvent]) -> None:
        """Go on with what the stream said to an answer."""

    def bind(self, session: Session) -> None:
        """The connection has a session now."""

    def say(self) -> None:
        """Write what the stream has to say."""

    def write(self) -> None:
        """Write the outbox now."""

    def end(self, condition: str, text: str = "", detail: bytes = b"") -> None:
        """Close the stream with a stream error."""

    def overflow(self) -> None:
        """The outbox is full."""

    def replaced(self) -> None:
        """The session goes on with another connection."""


def ask(client: Client, event: ServerEvent) -> None:
    """See to one event of a stream that has no session yet."""
    gateway = client.gateway
    match event:
        case Authenticated():
            AUTHENTICATIONS.add("success")
        case AuthenticationFailed():
            AUTHENTICATIONS.add(event.condition)
            if event.condition not in NOT_COUNTED:
                gateway.failures.spend(client.address, gateway.loop.time())
        case CredentialsWanted() | PlainWanted():
            if gateway.server.rate_limits and not gateway.failures.allowed(client.address, gateway.loop.time()):
                # The address is throttled, never the account: nobody can lock somebody else out.
                LIMITS_HIT.add("sasl_failures")
                client.end("policy-violation", "too many failed attempts")
            elif isinstance(event, PlainWanted):
                client.begin(check_password(client, event))
            else:
                client.begin(find_keys(client, event))
        case RegistrationIq():
            client.begin(register(client, event.stanza))
        case BindWanted():
            client.begin(bind(client, event))
        case ResumeWanted():
            client.begin(resume(client, event))
        case _:
            raise AssertionError(f"not while a stream is set up: {type(event).__name__}")


def keys_of(found: accounts_pb2.ScramKeys) -> Keys:
    """As SASL wants them."""
    return Keys(found.salt, found.iterations, found.stored_key, found.server_key)


async def find_keys(client: Client, wanted: CredentialsWanted) -> None:
    """SCRAM: the account's keys, or those of a stable fake."""
    keys: Keys | None = None
    try:
        if not await client.gateway.admission.turn():
            raise Unreachable
        reply = await client.gateway.credentials.get(wanted.username)
        client.account = reply.revision
        keys = keys_of(keys_by_mechanism(reply)[wanted.mechanism])
    except (Unreachable, KeyError):
        # RFC 6120 §6.5.11: temporary-auth-failure.
        pass
    client.react(client.stream.credentials(keys))


async def check_password(client: Client, wanted: PlainWanted) -> None:
    """PLAIN: milliseconds of hashing, on another thread."""
    gateway = client.gateway
    right: bool | None = None
    try:
        if not await gateway.admission.turn():
            raise Unreachable
        reply = await gateway.credentials.get(wanted.username)
        client.account = reply.revision
        mechanism, found = max(keys_by_mechanism(reply).items())
        keys = keys_of(found)
        right = await gateway.verifier.check(wanted.username, wanted.password, mechanism, keys)
        # Asked last, so that an account that does not exist takes as long as a wrong password.
        right = right and reply.exists
    except Unreachable:
        pass
    client.react(client.stream.plain_result(right))


async def register(client: Client, stanza: Stanza) -> None:
    """XEP-0077 before authentication."""
    gateway = client.gateway
    domain = gateway.server.domain
    raw = stanza.stamped(domain, None)
    answer = Answer("bad-request")
    if stanza.id and len(stanza.children) == 1:
        if stanza.type == "get":
            answer = gateway.registration.form()
        elif stanza.type == "set":
            answer = await gateway.registration.register(element.parse(raw)[0], client.address)
    if answer.condition:
        reply = error_reply(raw, answer.condition, sender=domain, to="", text=answer.text)
    else:
        reply = result_reply(stanza.id or "", "", domain, *([] if answer.query is None else [answer.query]))
    client.react(client.stream.registration_reply(reply))


async def bind(client: Client, wanted: BindWanted) -> None:
    """A resource, and with it a session."""
    gateway = client.gateway
    bare = f"{wanted.username}@{gateway.server.domain}"
    try:
        try:
            if wanted.resource:
                await resumption.call_in(gateway, f"{bare}/{jid.resource(wanted.resource)}")
        except jid.JIDError:
            # RFC 6120 §7.7.2.1: a resourcepart that cannot be processed; nobody has it.
            pass
        except BusError:
            raise Refused("internal-server-error", "try again later") from None
        record = await gateway.binding.bind(bare, wanted.resource, account=client.account)
    except Refused as refused:
        client.react(client.stream.bind_refused(refused.condition))
        return
    if client.closing:
        # The client has gone meanwhile; nobody has heard of the session.
        gateway.binding.disown(record.session)
        return
    if gateway.removals.gone(wanted.username, client.account):
        gateway.binding.disown(record.session)
        # XEP-0077 §3.2: removed between the login and now.
        client.end("not-authorized", "the account was removed")
        return
    begin_session(client, record)


def begin_session(client: Client, record: Record) -> None:
    """Everything in one tick: nobody else sees a session that is half made."""
    gateway = client.gateway
    settings = gateway.settings
    outbox = Outbox(settings.outbox_bytes_max, settings.outbox_stanzas_max)
    session = Session(record.session, record.jid, record.bare, record, client, outbox)
    client.bind(session)
    events = client.stream.bound(record.jid)
    client.say()
    gateway.enter(session)
    # What the client has sent behind its bind request.
    client.react(events)


async def resume(client: Client, wanted: ResumeWanted) -> None:
    """XEP-0198 §5: a former session goes on with this connection."""
    gateway = client.gateway
    bare = f"{wanted.username}@{gateway.server.domain}"
    try:
        for _ in range(RESUME_ROUNDS_MAX):
            session, known = await resumption.find(gateway, bare, resumption.hashed(wanted.previd))
            if session is None:
                client.react(client.stream.resume_refused("item-not-found", known))
                return
            h = await durable(gateway, session)
            if await gateway.has(session):
                if not client.closing:
                    continue_session(client, session, wanted, h)
                return
            # It has moved while this gateway stood still, or is over: the directory tells.
            await gateway.binding.directory.sync()
    except BusError:
        pass
    # It may still be there: the client had better try again.
    client.end("internal-server-error", "try again later")


def continue_session(client: Client, session: Session, wanted: ResumeWanted, h: int) -> None:
    """Everything in one tick, as with a new session."""
    gateway = client.gateway
    outbox = session.outbox
    assert isinstance(outbox, Unacked)
    if not outbox.acknowledge(wanted.h):
        text = f"you acknowledged {wanted.h} stanzas, and were sent {outbox.given}"
        client.end("undefined-condition", text, too_high(wanted.h, outbox.given))
        return
    if session.managed is not None:
        acktrace.acknowledged(session, session.managed, wanted.h)
    resumption.attach(session, client)
    client.bind(session)
    outbox.attached = True
    events = client.stream.resumed(session.jid, wanted.previd, h)
    client.say()
    outbox.attach()
    backlog.look(gateway, session)
    # What the client has sent behind its request.
    client.react(events)
