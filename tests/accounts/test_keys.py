"""SCRAM keys: what may be a password, salts, and the bound on what waits."""

from __future__ import annotations

import asyncio

import pytest
from natter.accounts.keys import SALT_BYTES, Busy, Deriver, scram_keys
from natter.proto.v1.accounts_pb2 import ScramKeys
from natter.xmpp.sasl.keys import PasswordError


@pytest.mark.parametrize("password", ["", "a\x00b", "x" * 2000, "\x07"])
async def test_what_cannot_be_a_password(password: str) -> None:
    deriver = Deriver(iterations=4096, threads=1, waiting_max=1)
    with pytest.raises(PasswordError) as refused:
        await deriver.derive(password)
    assert password == "" or password not in str(refused.value)
    deriver.close()


async def test_every_mechanism_gets_its_own_salt() -> None:
    deriver = Deriver(iterations=4096, threads=1, waiting_max=1)
    first, second = await deriver.derive("pencil")
    assert [first.mechanism, second.mechanism] == ["SCRAM-SHA-1", "SCRAM-SHA-256"]
    assert len(first.salt) == SALT_BYTES and first.salt != second.salt and first.iterations == 4096
    assert scram_keys("pencil", "SCRAM-SHA-256", second.salt, 4096) == second
    assert b"pencil" not in ScramKeys.SerializeToString(first)
    deriver.close()


async def test_too_many_are_refused_and_the_loop_turns() -> None:
    deriver = Deriver(iterations=100_000, threads=1, waiting_max=2)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    work = [asyncio.create_task(deriver.derive("pencil")) for _ in range(3)]
    results = await asyncio.gather(*work, return_exceptions=True)
    counting.cancel()
    assert [isinstance(r, Busy) for r in results] == [False, False, True]
    assert turns > 100
    await deriver.derive("pencil")
    deriver.close()
