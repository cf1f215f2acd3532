"""Sessions that outlive their connection: detached, resumed, expired (XEP-0198 §5)."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

from natter.telemetry.names import LIMITS_HIT, SESSIONS_RESUMED

from .session import Link, Managed, Session
from .unacked import Unacked

if TYPE_CHECKING:
    from .gateway import Gateway

# What does not end a session that can be resumed: our troubles and the network's, not its user's mistakes.
SURVIVED = frozenset(("system-shutdown", "connection-timeout", "resource-constraint", "internal-server-error"))


class Nowhere:
    """The link of a session that has no connection."""

    def __init__(self, gateway: Gateway, session: str) -> None:
        self._gateway = gateway
        self._session = session

    def write(self) -> None:
        """Nobody is there."""

    def end(self, condition: str, text: str = "") -> None:
        """The session is over."""
        session = self._gateway.sessions.get(self._session)
        if session is not None:
            self._gateway.leave(session)

    def overflow(self) -> None:
        """Too much came meanwhile: the session is over, and what can be handed back is."""
        self.end("")

    def replaced(self) -> None:
        """There is no connection to close."""


def hashed(id: str) -> str:
    """What the directory and the books know of an id that a client may resume with: not enough to do it."""
    return blake2b(id.encode(), digest_size=16).hexdigest()


def can_wait(session: Session) -> bool:
    """Whether the session stays when its connection goes. Not while its client has not been told how to resume it."""
    managed = session.managed
    return managed is not None and managed.enabled and bool(managed.id) and not session.over


def detach(gateway: Gateway, session: Session) -> None:
    """The connection is gone, the session waits for another."""
    managed = session.managed
    assert managed is not None and isinstance(session.outbox, Unacked)
    session.outbox.detach()
    session.link = Nowhere(gateway, session.id)
    managed.expiry = gateway.loop.call_later(managed.resume_seconds, expire, gateway, session)


def expire(gateway: Gateway, session: Session) -> None:
    """Nobody came back in time."""
    LIMITS_HIT.add("resume")
    gateway.leave(session)


async def find(gateway: Gateway, bare: str, id: str) -> tuple[Session | None, int | None]:
    """The session that the hash `id` names, or (None, h) with what is known of one that is over.

    Only its account's own, wherever it is.
    """
    session = await gateway.takeovers.find(bare, id)
    if session is not None:
        return session, None
    known = gateway.expired.get(id)
    return None, known[1] if known is not None and known[0] == bare else None


async def call_in(gateway: Gateway, full: str) -> None:
    """Before another session gets this resource: the one that could be resumed comes here, wherever it is. `BusError`.

    Here it ends like any other, and what its client has not acknowledged goes back to the lane. A gateway that is dead
    would not do that, and nobody is its heir once the record names the new session.
    """
    record = gateway.binding.directory.get(full)
    if record is not None and record.resumption:
        await gateway.takeovers.bring(record)


def attach(session: Session, link: Link) -> None:
    """Another connection takes the session over; the one that is still open gets a conflict (XEP-0198 §5)."""
    managed = session.managed
    assert managed is not None and isinstance(session.outbox, Unacked)
    if managed.expiry is not None:
        managed.expiry.cancel()
        managed.expiry = None
    before, session.link = session.link, link
    before.replaced()
    session.outbox.detach()
    managed.telling = False
    SESSIONS_RESUMED.add()


def moved(gateway: Gateway, session: Session) -> None:
    """Another gateway has the session: nothing is said, nothing handed back, its connection gets a conflict."""
    managed = session.managed
    gateway.sessions.pop(session.id, None)
    gateway.binding.claims.discard(session.id)
    session.over = True
    gateway.takeovers.forget(session)
    if managed is not None:
        if managed.id:
            gateway.departed.add(session.id)
        gateway.resumable.pop(managed.id, None)
        if managed.expiry is not None:
            managed.expiry.cancel()
    session.link.replaced()


def forget(gateway: Gateway, session: Session, managed: Managed) -> None:
    """The session is over; a client that comes too late is told how far it had got."""
    gateway.takeovers.forget(session)
    if managed.expiry is not None:
        managed.expiry.cancel()
        managed.expiry = None
    if managed.id and gateway.resumable.pop(managed.id, None) is not None:
        gateway.expired[managed.id] = (session.bare, session.inbound)
        while len(gateway.expired) > gateway.settings.expired_max:
            gateway.expired.popitem(last=False)
