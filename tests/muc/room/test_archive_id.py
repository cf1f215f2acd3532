"""Ids of archived messages can be read by their room only."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from natter.muc.room import archive_id


@given(st.integers(1, (1 << 64) - 1), st.binary(min_size=0, max_size=32))
def test_there_and_back(number: int, secret: bytes) -> None:
    id = archive_id.encode(secret, number)
    assert len(id) == 32
    assert archive_id.decode(secret, id) == number
    assert archive_id.decode(b"another" + secret[:20], id) == 0


@given(st.text(max_size=40))
def test_what_the_room_has_not_made(text: str) -> None:
    assert archive_id.decode(b"k" * 32, text) == 0


def test_neighbours_are_not_alike_and_lives_differ() -> None:
    ids = {archive_id.encode(b"k", number) for number in range(1, 1000)}
    assert len({id[:8] for id in ids}) > 990
    assert archive_id.life(b"a") != archive_id.life(b"b")
