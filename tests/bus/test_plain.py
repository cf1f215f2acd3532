"""Frames written by hand are what protobuf reads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from natter.bus import plain
from natter.bus.batch import envelope_head, frame_head
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Envelope, Frame

TEXT = st.text(min_size=1, max_size=200)


@given(
    to=TEXT,
    type=st.text(max_size=20),
    id=st.none() | st.text(max_size=300),
    inbound=st.integers(0, 2**32 - 1),
    traits=st.integers(0, 2**32 - 1),
    accepted_us=st.integers(0, 2**63) | st.integers(2**49 - 2, 2**56 + 2) | st.integers(17 * 10**14, 18 * 10**14),
    stanza=st.binary(max_size=300),
    sequence=st.integers(1, 2**64 - 1),
    index=st.integers(0, 2**32 - 1),
)
def test_a_frame_and_its_delivery(
    to: str,
    type: str,
    id: str | None,
    inbound: int,
    traits: int,
    accepted_us: int,
    stanza: bytes,
    sequence: int,
    index: int,
) -> None:
    head = plain.head(to=to, type=type, sender="a@b/c", session="s" * 32)
    raw = plain.frame(head, plain.shared(traits, accepted_us), id, inbound, b"<message", stanza)
    expected = Frame(
        kind=KIND_MESSAGE,
        type=type,
        sender="a@b/c",
        to=to,
        id=id or "",
        traits=traits,
        stanza=b"<message" + stanza,
        session="s" * 32,
        inbound=inbound,
        accepted_us=accepted_us,
        plain=True,
    )
    assert Frame.FromString(raw) == expected
    # A longer address is left to protobuf.
    assert plain.recipient(raw) == (to.encode() if len(to.encode()) < 128 else b"", 1)
    delivery = Frame.FromString(plain.delivery(raw, plain.sequence(sequence), index, "t" * 32))
    expected.sequence, expected.index = sequence, index
    expected.sessions.append("t" * 32)
    assert delivery == expected


def test_a_frame_that_is_not_plain_has_no_recipient() -> None:
    assert plain.recipient(b"") == (b"", 1)
    assert plain.recipient(Frame(to="a@b", kind=KIND_MESSAGE, plain=True).SerializeToString()) == (b"", 1)
    assert plain.recipient(Frame(to="a@b", kind=KIND_MESSAGE).SerializeToString()) == (b"", 1)


@given(sizes=st.lists(st.sampled_from([0, 1, 127, 128, 16383, 16384, 70000]), max_size=5), source=st.text(max_size=200))
def test_the_frames_of_an_envelope(sizes: list[int], source: str) -> None:
    frames = [b"x" * size for size in sizes]
    payload = envelope_head(source) + b"".join(frame_head(len(frame)) + frame for frame in frames)
    assert plain.frames_of(payload) == (source, frames)


def test_an_envelope_of_protobuf() -> None:
    envelope = Envelope(source="gateway-1", frames=[Frame(to="a"), Frame()])
    assert plain.frames_of(envelope.SerializeToString()) == ("gateway-1", [Frame(to="a").SerializeToString(), b""])


@pytest.mark.parametrize("payload", [b"\x12\x05abc", b"\x12", b"\x12\x80", b"no envelope at all", b"\x0a\x01\xff"])
def test_what_is_no_envelope(payload: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        plain.frames_of(payload)
