"""The last word of a session: the frame behind which nothing of it comes any more (ADR 0004)."""

from __future__ import annotations

from time import time_ns

from natter.proto.v1 import bus_pb2


def last_word(session: str, jid: str, stanza: bytes, *, rooms: int, inbound: int = 0) -> bus_pb2.Frame:
    """RFC 6121 §4.5.2: the server says `unavailable` for it, which is the `stanza`.

    `rooms`: as in `Frame.rooms`. `inbound`: how much the session had said, where whoever speaks for it knows.
    """
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE,
        type="unavailable",
        sender=jid,
        stanza=stanza,
        session=session,
        inbound=inbound,
        ended=True,
        rooms=rooms,
        accepted_us=time_ns() // 1000,
    )
