"""Clients that nobody looks at (XEP-0352): what can wait for them waits, in order, until something cannot.

Stands between the tick and the connection as the session's link, and only while the client is inactive: who is active
pays nothing for it. It looks at what is about to be written, so whatever counts stanzas (XEP-0198) is none the wiser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from natter.bus.returning import keep, returnable
from natter.bus.series import expanded
from natter.telemetry.names import INACTIVE
from natter.xmpp.stream.events import Nonza
from natter.xmpp.xeps import client_state
from natter.xmpp.xeps.stream_management import ASK

from .gateway import Gateway
from .outbox import Outbox
from .session import Link, Session
from .settings import Settings
from .unacked import Unacked


class Client(Protocol):
    """What is asked of the connection."""

    gateway: Gateway


def take(client: Client, session: Session, nonza: Nonza) -> None:
    """<active/> or <inactive/>. XEP-0352 §4.2: there is no answer."""
    before = session.link
    if nonza.name == client_state.INACTIVE:
        if not isinstance(before, Quiet):
            session.link = Quiet(before, session, client.gateway.settings)
    elif isinstance(before, Quiet):
        session.link = before.link
        # XEP-0352 §5.1: before anything that the client says next is worked on.
        before.flush()


def connection_of(link: Link) -> Link:
    """The connection behind a session's link."""
    return link.link if isinstance(link, Quiet) else link


def is_waiting(session: Session) -> bool:
    """Whether something waits for its client."""
    return isinstance(session.link, Quiet) and session.link.count > 0


def flush(gateway: Gateway, session: Session) -> None:
    """Write what is in the outbox, whatever it is."""
    if isinstance(session.link, Quiet):
        session.link.flush()
    else:
        gateway.wake(session)


@dataclass(slots=True, eq=False)
class Quiet:
    """A link whose client is inactive. XEP-0352 §5.2: it ends with the connection, a resumed stream is active."""

    link: Link
    session: Session
    settings: Settings
    # So many parts of the outbox wait, and so many bytes.
    count: int = 0
    size: int = 0
    # By key, the part that the next one with that key makes superfluous.
    latest: dict[str, bytes] = field(default_factory=dict)
    # So many of the outbox's frames are its own, and do not hold the envelopes that they came in.
    owned: int = 0

    def write(self) -> None:
        """Write everything, if anything of it cannot wait."""
        outbox = self.session.outbox
        fresh = outbox.parts[self.count :]
        if not fresh:
            return
        if outbox.stalled:
            # A socket that takes nothing makes everything wait, by its own rules.
            self.flush()
            return
        important = False
        for part in fresh:
            key = client_state.KEEP if part is ASK else client_state.waits(part)
            self.count += 1
            self.size += len(part)
            if key is None:
                important = True
                # What came before it is heard before it.
                self.latest.clear()
            elif key:
                self._supersede(key, part)
        if important or self._full():
            self.flush()
        else:
            self._own()

    def flush(self) -> None:
        """Write everything, in order."""
        if self.count:
            INACTIVE.add("written", by=self.count)
        self.count = self.size = self.owned = 0
        self.latest.clear()
        self.link.write()

    def end(self, condition: str, text: str = "") -> None:
        """As the connection does, which writes what is left."""
        self.link.end(condition, text)

    def overflow(self) -> None:
        """As the connection does."""
        self.link.overflow()

    def replaced(self) -> None:
        """As the connection does."""
        self.link.replaced()

    def _supersede(self, key: str, part: bytes) -> None:
        """XEP-0352 §3.2: the latest presence of each contact is enough. Its place is that of the latest."""
        before, self.latest[key] = self.latest.get(key), part
        outbox = self.session.outbox
        # Under stream management what is in the log is what the client is sent: its counts are everybody's (ADR 0006).
        if before is None or not isinstance(outbox, Outbox):
            return
        for place, waiting in enumerate(outbox.parts):
            if waiting is before:
                del outbox.parts[place]
                self.count -= 1
                self.size -= len(before)
                INACTIVE.add("superseded")
                return

    def _own(self) -> None:
        outbox = self.session.outbox
        if isinstance(outbox, Outbox):
            fresh = outbox.frames[self.owned :]
            outbox.frames[self.owned :] = [keep(one) for f in fresh if returnable(f) for one in expanded(f)]
            self.owned = len(outbox.frames)

    def _full(self) -> bool:
        settings, outbox = self.settings, self.session.outbox
        if self.count > settings.inactive_stanzas_max or self.size > settings.inactive_bytes_max:
            return True
        if not isinstance(outbox, Unacked):
            return False
        # What is not written cannot be acknowledged: some room must be left for what is important.
        stanzas_max, bytes_max = settings.unacked_stanzas_max >> 1, settings.unacked_bytes_max >> 1
        return len(outbox.queue) > stanzas_max or outbox.queue_bytes > bytes_max
