"""Frames of plain messages as bytes: written and read without protobuf objects. A measured hot path.

Protobuf's wire format allows it: fields in any order, appended ones included. What is here is what the generated class
reads and writes (tests/bus/test_plain.py); benchmarks: tests/bench/gateway_stanzas.py, tests/bench/router_take.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame

from . import series as many
from .batch import varint


def text(field: int, value: str) -> bytes:
    """A string field; nothing for ""."""
    raw = value.encode()
    return varint(field << 3 | 2) + varint(len(raw)) + raw if raw else b""


def number(field: int, value: int) -> bytes:
    """An integer field that is not negative; nothing for 0."""
    return varint(field << 3) + varint(value) if value else b""


_NUMBERS: Final = tuple(varint(value) for value in range(4096))
_TO: Final = bytes((Frame.TO_FIELD_NUMBER << 3 | 2,))
_ID: Final = bytes((Frame.ID_FIELD_NUMBER << 3 | 2,))
_STANZA: Final = bytes((Frame.STANZA_FIELD_NUMBER << 3 | 2,))
_INBOUND: Final = bytes((Frame.INBOUND_FIELD_NUMBER << 3,))
_ACCEPTED: Final = varint(Frame.ACCEPTED_US_FIELD_NUMBER << 3)
_TIME_MIN: Final = 1 << 49
_TIME_MAX: Final = (1 << 56) - 1
_SESSIONS: Final = bytes((Frame.SESSIONS_FIELD_NUMBER << 3 | 2,))
_INDEX: Final = bytes((Frame.INDEX_FIELD_NUMBER << 3,))
# What a plain frame begins with; the length of `to` follows.
START: Final = number(Frame.PLAIN_FIELD_NUMBER, 1) + _TO
_LENGTH_AT: Final = len(START)
_TO_AT: Final = _LENGTH_AT + 1


def head(*, to: str, type: str, sender: str, session: str) -> bytes:
    """The fields that the plain messages of one session to one address have in common. `to` is not ""."""
    return b"".join(
        (
            number(Frame.PLAIN_FIELD_NUMBER, 1),
            text(Frame.TO_FIELD_NUMBER, to),
            number(Frame.KIND_FIELD_NUMBER, KIND_MESSAGE),
            text(Frame.TYPE_FIELD_NUMBER, type),
            text(Frame.SENDER_FIELD_NUMBER, sender),
            text(Frame.SESSION_FIELD_NUMBER, session),
        )
    )


def shared(traits: int, accepted_us: int) -> bytes:
    """The fields that the messages of one read have in common."""
    return _traits(traits) + _accepted(accepted_us)


@lru_cache(maxsize=1024)
def _traits(value: int) -> bytes:
    return number(Frame.TRAITS_FIELD_NUMBER, value)


def _accepted(value: int) -> bytes:
    if not _TIME_MIN <= value <= _TIME_MAX:
        return number(Frame.ACCEPTED_US_FIELD_NUMBER, value)
    # `varint` for times between 1987 and 4253, which have eight bytes: 1 µs less.
    return _ACCEPTED + bytes(
        (
            value & 0x7F | 0x80,
            value >> 7 & 0x7F | 0x80,
            value >> 14 & 0x7F | 0x80,
            value >> 21 & 0x7F | 0x80,
            value >> 28 & 0x7F | 0x80,
            value >> 35 & 0x7F | 0x80,
            value >> 42 & 0x7F | 0x80,
            value >> 49,
        )
    )


def frame(head: bytes, shared: bytes, id: str | None, inbound: int, start: bytes, rest: bytes) -> bytes:
    """A whole frame; its stanza is `start` and `rest`."""
    size = len(start) + len(rest)
    stanza_size = _NUMBERS[size] if size < 4096 else varint(size)
    count = _NUMBERS[inbound] if inbound < 4096 else varint(inbound)
    if not id:
        return b"".join((head, shared, _INBOUND, count, _STANZA, stanza_size, start, rest))
    name = id.encode()
    length = len(name)
    id_size = _NUMBERS[length] if length < 4096 else varint(length)
    return b"".join((head, shared, _ID, id_size, name, _INBOUND, count, _STANZA, stanza_size, start, rest))


def series(head: bytes, shared: bytes, inbound: int, lengths: Sequence[int], stanzas: bytes) -> bytes:
    """A frame of several messages: `inbound` is the count of the first, `stanzas` has all, each as long as said."""
    size = len(stanzas)
    stanza_size = _NUMBERS[size] if size < 4096 else varint(size)
    count = _NUMBERS[inbound] if inbound < 4096 else varint(inbound)
    return b"".join((many.sizes(lengths), head, shared, _INBOUND, count, _STANZA, stanza_size, stanzas))


def recipient(frame: bytes) -> tuple[bytes, int]:
    """The `to` of a frame as bytes, and how many messages it has.

    b"" where the frame is not plain, or must be taken apart for another reason.
    """
    # A length of 128 and more has two bytes.
    if frame.startswith(START) and (size := frame[_LENGTH_AT]) < 128:
        return frame[_TO_AT : _TO_AT + size], 1
    at, count = many.start(frame)
    if at and frame.startswith(START, at) and (size := frame[at + _LENGTH_AT]) < 128:
        at += _TO_AT
        return frame[at : at + size], count
    return b"", count


def delivery(frame: bytes, sequence: bytes, index: int, session: str) -> bytes:
    """A lane's frame as it is delivered to one session. `sequence` is that field of the cause."""
    name = session.encode()
    return b"".join(
        (
            frame,
            sequence,
            _INDEX,
            _NUMBERS[index] if index < 4096 else varint(index),
            _SESSIONS,
            _NUMBERS[len(name)],
            name,
        )
    )


def sequence(value: int) -> bytes:
    """The sequence of a delivery's cause, for `delivery`."""
    return number(Frame.SEQUENCE_FIELD_NUMBER, value)


def frames_of(envelope: bytes) -> tuple[str, list[bytes]]:
    """Source and frames of an envelope, undecoded. ValueError where it is none."""
    source = ""
    frames: list[bytes] = []
    at, end = 0, len(envelope)
    append = frames.append
    while at < end:
        tag = envelope[at]
        size = envelope[at + 1]
        at += 2
        if size >= 0x80:
            shift, size = 7, size & 0x7F
            while True:
                byte = envelope[at]
                at += 1
                size |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
        after = at + size
        if after > end:
            raise ValueError("cut off")
        if tag == 0x12:
            append(envelope[at:after])
        elif tag == 0x0A:
            source = envelope[at:after].decode()
        else:
            raise ValueError("not an envelope")
        at = after
    return source, frames
