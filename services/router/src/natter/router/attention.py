"""Whose messages need more than the shortest way: archives, carbons, blocking. On the hot path of plain messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from natter.bus import plain, series
from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.jid import bare_of

from .route.view import Session

_TYPE: Final = Frame.TYPE_FIELD_NUMBER << 3 | 2
_SENDER: Final = Frame.SENDER_FIELD_NUMBER << 3 | 2
_TO_AT: Final = len(plain.START) + 1


@dataclass(slots=True)
class Attention:
    """`everybody`: every message is archived. `active` is whether to ask at all."""

    everybody: bool = False
    # Sessions that want carbons, by account.
    carbons: Counter[str] = field(default_factory=Counter)
    # Whom users have blocked, by user: natter.bus.blocklists keeps it.
    blocklists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    active: bool = False

    def __post_init__(self) -> None:
        self.look()

    def wanted(self, frame: bytes, to: str) -> bool:
        """Whether a plain frame, as bytes, for a session must be taken apart."""
        if self.everybody:
            return True
        for bare in (to.partition("/")[0], sender(frame).partition("/")[0]):
            if bare in self.carbons or bare in self.blocklists:
                return True
        return False

    def changed(self, before: Session | None, after: Session | None) -> None:
        """The directory has changed."""
        was = bare_of(before.jid) if before is not None and before.carbons else ""
        now = bare_of(after.jid) if after is not None and after.carbons else ""
        if was == now:
            return
        if now:
            self.carbons[now] += 1
        if was:
            self.carbons[was] -= 1
            if not self.carbons[was]:
                del self.carbons[was]
        self.look()

    def look(self) -> None:
        """The blocklists have changed, or something else."""
        self.active = self.everybody or bool(self.carbons) or bool(self.blocklists)


def sender(frame: bytes) -> str:
    """The sender of a plain frame; its `to` is shorter than 128 bytes."""
    # natter.bus.plain.head: to, kind (two bytes), type where there is one, sender.
    at = series.start(frame)[0] + _TO_AT
    at += frame[at - 1] + 2
    if frame[at] == _TYPE:
        size, at = _length(frame, at + 1)
        at += size
    if frame[at] != _SENDER:
        return ""
    size, at = _length(frame, at + 1)
    return frame[at : at + size].decode()


def _length(frame: bytes, at: int) -> tuple[int, int]:
    size = frame[at]
    if size < 0x80:
        return size, at + 1
    # A JID is shorter than 3072 bytes: two.
    return size & 0x7F | frame[at + 1] << 7, at + 2
