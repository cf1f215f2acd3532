"""Age and number."""

from __future__ import annotations

from archiveworld import ALICE, BOB, FIRST_US, World
from natter.archive.retention import DAY_US, Retention
from natter.storage.archive import Filter


async def count(world: World, owner: str) -> int:
    return await world.archive.count(Filter(owner))


async def test_by_age(world: World) -> None:
    await world.take(*(world.message(str(n)) for n in range(1, 11)))
    retention = Retention(world.archive, days=1, messages_max=0, now_us=lambda: FIRST_US + DAY_US + 4_000_000)
    # Of three messages both sides had one.
    assert await retention.once() == 6
    assert (await count(world, ALICE), await count(world, BOB)) == (7, 7)
    assert await retention.once() == 0


async def test_by_number(world: World) -> None:
    await world.take(*(world.message(str(n)) for n in range(1, 11)))
    await world.take(world.message("x", sender=f"{BOB}/b", to="carol@localhost"))
    retention = Retention(world.archive, days=0, messages_max=4, now_us=lambda: 0)
    assert await retention.once() == 6 + 7
    assert (await count(world, ALICE), await count(world, BOB), await count(world, "carol@localhost")) == (4, 4, 1)


async def test_for_ever(world: World) -> None:
    await world.take(world.message("1"))
    assert await Retention(world.archive, days=0, messages_max=0, now_us=lambda: 1 << 60).once() == 0
