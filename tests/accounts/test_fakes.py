"""Keys for nobody: the same from everybody, and shaped like real ones."""

from __future__ import annotations

import asyncio

from natter.accounts.fakes import BUCKET, KEY, fake_keys, load_secret
from natter.accounts.keys import Deriver
from natter.bus.api import Bus
from natter.bus.kv import Bucket


async def test_fakes_look_like_keys_and_stay() -> None:
    deriver = Deriver(iterations=4096, threads=1, waiting_max=1)
    real = await deriver.derive("pencil")
    deriver.close()
    fakes = fake_keys(b"s" * 32, "nobody", 4096)
    assert fakes == fake_keys(b"s" * 32, "nobody", 4096)
    assert fakes != fake_keys(b"t" * 32, "nobody", 4096) and fakes != fake_keys(b"s" * 32, "somebody", 4096)
    for fake, key in zip(fakes, real, strict=True):
        assert (fake.mechanism, fake.iterations, len(fake.salt)) == (key.mechanism, key.iterations, len(key.salt))
        assert len(fake.stored_key) == len(key.stored_key) and len(fake.server_key) == len(key.server_key)
    assert fakes[0].salt != fakes[1].salt and fakes[0].stored_key != fakes[0].server_key


async def test_all_instances_have_one_secret(bus: Bus) -> None:
    first, second = await asyncio.gather(load_secret(bus), load_secret(bus))
    assert first == second == await load_secret(bus) and len(first) == 32
    value = await Bucket(bus, BUCKET).get(KEY)
    assert value is not None and value.value == first
