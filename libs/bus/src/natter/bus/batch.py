"""Envelopes from frames that are already encoded.

Hot path: a frame is serialised once, when it is added, and a batch is a join; protobuf's repeated field would copy
every frame into the envelope and serialise it there. Protobuf's wire format allows it: a message field is its tag, its
length and its bytes.
"""

from __future__ import annotations

from natter.proto.v1 import bus_pb2

# (field number << 3) | 2, length-delimited: see Envelope in proto/natter/v1/bus.proto.
SOURCE_TAG = bytes((bus_pb2.Envelope.SOURCE_FIELD_NUMBER << 3 | 2,))
FRAME_TAG = bytes((bus_pb2.Envelope.FRAMES_FIELD_NUMBER << 3 | 2,))
# Tag and length of an embedded frame take at most this.
FRAME_HEAD_BYTES_MAX = 6


def varint(value: int) -> bytes:
    """Protobuf's base-128 number."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


# Tag and length for the usual sizes of a frame.
HEADS = tuple(FRAME_TAG + varint(size) for size in range(2048))


def envelope_head(source: str) -> bytes:
    """The start of every envelope from `source`."""
    raw = source.encode()
    return SOURCE_TAG + varint(len(raw)) + raw if raw else b""


def frame_head(size: int) -> bytes:
    """What stands in front of a frame of `size` bytes."""
    return HEADS[size] if size < 2048 else FRAME_TAG + varint(size)
