"""What a message leaves in the archive's log, what archives call it, and its carbon copies: the router's part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from natter.bus import plain
from natter.bus.carbons import carbon
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.telemetry.names import ROUTED
from natter.xmpp import forged
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import carbons, stanza_id

from .route.outcome import Copy, Keep
from .subjects import Subjects

ID_BYTES: Final = 8
# Causes that differ in their last bits only.
PARTS: Final = 16


@dataclass(slots=True)
class Work:
    """A frame at work: as it stood in the lane, its stanza without anybody's id, and copies so far by gateway."""

    raw: bytes = b""
    said: bytes = b""
    # The error that its sender gets for it.
    error: bytes = b""
    parts: dict[str, int] = field(default_factory=dict)

    def begin(self, raw: bytes) -> Work:
        """The next frame."""
        self.raw, self.said, self.error = raw, b"", b""
        if self.parts:
            self.parts.clear()
        return self


def id_of(frame: Frame) -> str:
    """The archive id of a frame whose cause is set: the same whenever it is worked out.

    It begins with the time, which everybody is told anyway: an index of ids grows at its end, at a third of the cost.
    XEP-0359 §4: else nothing can be told from it, nor can it be foreseen: nobody but servers knows the id of a session.
    """
    cause = f"{frame.session} {frame.sequence} {frame.index}"
    return f"{frame.accepted_us:014x}" + blake2b(cause.encode(), digest_size=ID_BYTES).hexdigest()


def record(frame: Frame, raw: bytes, keep: Keep) -> bytes:
    """The frame as the archive's log has it; `raw` is what stood in the lane, which is not encoded again."""
    return b"".join(
        (
            raw,
            plain.sequence(frame.sequence),
            plain.number(Frame.INDEX_FIELD_NUMBER, frame.index),
            plain.text(Frame.STANZA_ID_FIELD_NUMBER, frame.stanza_id),
            *map(_owner, keep.owners),
            plain.text(Frame.OFFLINE_FIELD_NUMBER, keep.waits),
        )
    )


@lru_cache(maxsize=4096)
def _owner(jid: str) -> bytes:
    return plain.text(Frame.OWNERS_FIELD_NUMBER, jid)


def clean(work: Work, frame: Frame, domain: str) -> None:
    """Take out of a client's message what only servers may say."""
    if frame.kind != KIND_MESSAGE or frame.returned:
        return
    stanza = forged.without(frame.stanza, frame.traits, domain)
    if stanza is not frame.stanza:
        frame.stanza = stanza
        frame.traits &= ~forged.SERVERS
        work.raw = frame.SerializeToString()


def keep(work: Work, frame: Frame, keep: Keep, subjects: Subjects, send: Callable[[str, bytes], None]) -> None:
    """Into the archive's log, one record per shard. From here on the stanza has the id of its recipient's archive."""
    work.said = frame.stanza
    if keep.owners:
        frame.stanza_id = id_of(frame)
    shards: dict[str, list[str]] = {}
    for owner in keep.owners:
        shards.setdefault(subjects.shard("archive", owner), []).append(owner)
    waits = subjects.shard("archive", keep.waits) if keep.waits else ""
    if waits:
        shards.setdefault(waits, [])
    for subject, owners in shards.items():
        send(subject, record(frame, work.raw, Keep(tuple(owners), keep.waits if subject == waits else "")))
    if keep.owners:
        frame.stanza = stanza_id.stamped(frame.stanza, bare_of(frame.to or frame.sender), frame.stanza_id)
        ROUTED.add("kept")
    if waits:
        ROUTED.add("waits")


def copy(work: Work, frame: Frame, outcome: Copy, subjects: Subjects, send: Callable[[str, Frame], None]) -> None:
    """Carbons of a message, one for each session."""
    said, type = (work.error, "error") if outcome.error else (work.said or frame.stanza, frame.type)
    if frame.stanza_id and not outcome.error:
        # XEP-0313 §3.4: also in copies, and there with the id of the account's own archive.
        said = stanza_id.stamped(said, outcome.account, frame.stanza_id)
    make = carbons.sent if outcome.sent else carbons.received
    for session in outcome.sessions:
        part = work.parts.get(session.gateway, 0) + 1
        work.parts[session.gateway] = part
        stanza = make(said, type, outcome.account, session.jid)
        made = carbon(frame, outcome.account, session.session, session.jid, type, stanza)
        made.stanza_id = frame.stanza_id
        if part < PARTS:
            # A cause of its own. What is beyond has none, and may come twice after a crash.
            made.sequence, made.index = frame.sequence, frame.index | part
        send(subjects.deliver(session.gateway), made)
    ROUTED.add("copied", by=len(outcome.sessions))
