"""Envelopes by concatenation."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from natter.bus.batch import envelope_head, frame_head, varint
from natter.proto.v1 import bus_pb2


@given(st.text(max_size=200), st.lists(st.binary(max_size=5000), max_size=5))
def test_equal_to_what_protobuf_makes(source: str, stanzas: list[bytes]) -> None:
    frames = [bus_pb2.Frame(kind=bus_pb2.KIND_MESSAGE, stanza=stanza) for stanza in stanzas]
    parts = [envelope_head(source)]
    for frame in frames:
        raw = frame.SerializeToString()
        parts += [frame_head(len(raw)), raw]
    envelope = bus_pb2.Envelope(source=source, frames=frames)
    assert bus_pb2.Envelope.FromString(b"".join(parts)) == envelope
    assert b"".join(parts) == envelope.SerializeToString()


def test_varint() -> None:
    assert [varint(n) for n in (0, 127, 128, 300, 1 << 20)] == [
        b"\x00",
        b"\x7f",
        b"\x80\x01",
        b"\xac\x02",
        b"\x80\x80\x40",
    ]
