"""Series: several plain messages in one frame (natter.v1.Frame, `sizes`), and the frames that they stand for.

Who reads lanes or deliveries and does not know series reads them through `envelope_of`.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from typing import Final

from natter.proto.v1.bus_pb2 import Envelope, Frame

from .batch import varint

# A series is cut here; also, its places in an envelope stay below 2^16.
SERIES_BYTES_MAX: Final = 64 << 10
# From the index of one message to that of the next.
STEP: Final = 1 << 4
_INBOUND_MASK: Final = 0xFFFFFFFF
_TAG: Final = varint(Frame.SIZES_FIELD_NUMBER << 3 | 2)
# In the start tag of a plain message: no references, every value in quotes.
_ID: Final = re.compile(rb"<message(?: [a-z:]++=(?:'[^']*+'|\"[^\"]*+\"))*? id=('[^']*+'|\"[^\"]*+\")")


def sizes(lengths: Sequence[int]) -> bytes:
    """The field that makes a frame a series; what follows it is the frame."""
    raw = array("I", lengths).tobytes()
    return _TAG + varint(len(raw)) + raw


def lengths(frame: Frame) -> array[int]:
    """How long each message of a series is."""
    return array("I", frame.sizes)


def start(frame: bytes) -> tuple[int, int]:
    """Of an encoded frame: where the fields behind `sizes` begin, and how many messages it has."""
    if not frame.startswith(_TAG):
        return 0, 1
    size, at = frame[2], 3
    if size >= 0x80:
        size, at = size & 0x7F | frame[3] << 7, 4
    return at + size, size >> 2


def expanded(frame: Frame) -> Sequence[Frame]:
    """The frames that a frame stands for, in order: itself, where it is no series."""
    if not frame.sizes:
        return (frame,)
    found = []
    stanzas, at = frame.stanza, 0
    for number, length in enumerate(lengths(frame)):
        one = Frame()
        one.CopyFrom(frame)
        one.ClearField("sizes")
        one.stanza = stanzas[at : at + length]
        at += length
        id = _ID.match(one.stanza)
        one.id = id[1][1:-1].decode() if id else ""
        one.inbound = (frame.inbound + number) & _INBOUND_MASK
        if frame.sequence:
            one.index = frame.index + number * STEP
        found.append(one)
    return found


def envelope_of(payload: bytes) -> Envelope:
    """An envelope with every series taken apart. DecodeError."""
    envelope = Envelope.FromString(payload)
    if any(frame.sizes for frame in envelope.frames):
        frames = [one for frame in envelope.frames for one in expanded(frame)]
        return Envelope(source=envelope.source, frames=frames)
    return envelope
