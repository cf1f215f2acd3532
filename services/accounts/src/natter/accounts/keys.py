"""Passwords become SCRAM keys, and nothing else remains of them. Slow on purpose, so it runs beside the event loop."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from natter.proto.v1.accounts_pb2 import ScramKeys
from natter.telemetry import names
from natter.xmpp.sasl.keys import keys_for, prepare_password

MECHANISMS = ("SCRAM-SHA-1", "SCRAM-SHA-256")
SALT_BYTES = 16


class Busy(Exception):
    """Too many derivations wait."""


def scram_keys(password: str, mechanism: str, salt: bytes, iterations: int) -> ScramKeys:
    """The keys for one mechanism. Takes milliseconds."""
    stored_key, server_key = keys_for(password, mechanism, salt, iterations)
    return ScramKeys(
        mechanism=mechanism, salt=salt, iterations=iterations, stored_key=stored_key, server_key=server_key
    )


class Deriver:
    """Derives in a few threads (OpenSSL lets go of the interpreter meanwhile); refuses when too many wait."""

    def __init__(
        self,
        *,
        iterations: int,
        threads: int,
        waiting_max: int,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._iterations = iterations
        self._waiting_max = waiting_max
        self._random = random
        self._waiting = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="scram")

    async def derive(self, password: str) -> list[ScramKeys]:
        """New keys for every mechanism, each with its own salt. Raises PasswordError or Busy."""
        prepare_password(password)
        if self._waiting >= self._waiting_max:
            raise Busy
        jobs = [(password, mechanism, self._random(SALT_BYTES), self._iterations) for mechanism in MECHANISMS]
        self._waiting += 1
        names.KEYS_WAITING.set(self._waiting)
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, lambda: [scram_keys(*job) for job in jobs])
        finally:
            self._waiting -= 1
            names.KEYS_WAITING.set(self._waiting)

    def close(self) -> None:
        """Take no more."""
        self._pool.shutdown(wait=False, cancel_futures=True)
