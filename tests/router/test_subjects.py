"""Which log a frame is written to."""

from __future__ import annotations

from natter.bus.subjects import room_bit, shard_of
from natter.router.subjects import GATEWAYS_MAX, Subjects


def test_deliveries() -> None:
    subjects = Subjects(8, 4)
    assert subjects.deliver("g1-0a") == "natter.deliver.g1-0a"
    assert subjects.deliver("g1-0a") is subjects.deliver("g1-0a")


def test_the_memory_of_gateways_is_bounded() -> None:
    subjects = Subjects(8, 4)
    for n in range(GATEWAYS_MAX + 1):
        subjects.deliver(f"g{n}")
    assert len(subjects._deliveries) == 1


def test_shards() -> None:
    subjects = Subjects(8, 4)
    assert subjects.shard("user", "a@b") == f"natter.shard.user.{shard_of('a@b', 8)}"
    assert subjects.shard("room", "a@b") == f"natter.shard.room.{shard_of('a@b', 4)}"
    assert subjects.shard("account", "a@b") == "natter.shard.account.0"


def test_the_shards_of_rooms_by_their_bits() -> None:
    rooms = [f"room{n}@conference.example.com" for n in range(5)]
    bits = 0
    for room in rooms:
        bits |= room_bit(room)
    subjects = Subjects(8, 16)
    assert set(subjects.rooms(bits)) == {subjects.shard("room", room) for room in rooms}
    assert len(set(subjects.rooms((1 << 64) - 1))) == len(subjects.rooms((1 << 64) - 1)) == 16
    # Where the bits do not tell: all.
    assert len(Subjects(8, 7).rooms(1)) == 7
