"""What a decision may look at besides the frame: the session directory, and which hosts are ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


class Session(Protocol):
    """A live session, as `natter.bus.directory.Session` knows it."""

    @property
    def jid(self) -> str: ...
    @property
    def session(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def available(self) -> bool: ...
    @property
    def priority(self) -> int: ...
    @property
    def bound_us(self) -> int: ...
    @property
    def carbons(self) -> bool: ...


class Directory(Protocol):
    """The replica of the session directory."""

    def get(self, full: str) -> Session | None: ...
    def sessions(self, bare: str) -> Mapping[str, Session]: ...


@dataclass(frozen=True, slots=True)
class Hosts:
    """Ours. `answers`: payloads of <iq type='get'/> that the router answers, as "{namespace}local"."""

    domain: str
    conference: str
    answers: frozenset[str] = frozenset()
    # Likewise, of <iq type='set'/>.
    orders: frozenset[str] = frozenset()
    # Payloads of requests to archives.
    archive_requests: frozenset[str] = frozenset()
    # Whether messages are archived, and whether they wait for who is not there.
    archive: bool = False
    offline: bool = False
    # A frame that came back more often than this, because each session it was for had left, is given up.
    returns_max: int = 5


@dataclass(frozen=True, slots=True)
class Without:
    """A directory that does not show some sessions: those of which it is known that they have left."""

    directory: Directory
    gone: frozenset[str]

    def get(self, full: str) -> Session | None:
        """As in Directory."""
        session = self.directory.get(full)
        return None if session is None or session.session in self.gone else session

    def sessions(self, bare: str) -> Mapping[str, Session]:
        """As in Directory."""
        return {r: s for r, s in self.directory.sessions(bare).items() if s.session not in self.gone}
