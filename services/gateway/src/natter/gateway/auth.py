"""Credentials from the accounts service, checking of plain passwords off the loop, and the throttle of failures."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from natter.bus.api import Bus, BusError
from natter.bus.subjects import rpc
from natter.proto.v1 import accounts_pb2
from natter.xmpp.sasl.keys import Keys, verify_password

log = logging.getLogger(__name__)

R = TypeVar("R")

# Between two questions while nobody answers.
RETRY_SECONDS = 0.1


class Unreachable(Exception):
    """The accounts service does not answer: temporary-auth-failure (RFC 6120 §6.5.11)."""


@dataclass(slots=True)
class Credentials:
    """Keys of accounts, remembered for `seconds` so that an account that logs in many times asks once.

    Keys of accounts that do not exist are stable fakes and are remembered alike: nothing tells the two apart.
    """

    bus: Bus
    now: Callable[[], float]
    seconds: float
    accounts_max: int
    wait_seconds_max: float
    known: OrderedDict[str, tuple[float, accounts_pb2.AccountReply]] = field(default_factory=OrderedDict)
    asking: dict[str, asyncio.Future[accounts_pb2.AccountReply]] = field(default_factory=dict)
    # Revisions that accounts are known to have reached; an older answer is out of date.
    changed: OrderedDict[str, int] = field(default_factory=OrderedDict)

    async def get(self, username: str) -> accounts_pb2.AccountReply:
        """The keys of `username` (a prepared localpart). Raises `Unreachable`."""
        found = self.known.get(username)
        if found is not None and found[0] > self.now():
            return found[1]
        asked = self.asking.get(username)
        if asked is None:
            asked = self.asking[username] = asyncio.ensure_future(self._ask(username))
            asked.add_done_callback(lambda _: self.asking.pop(username, None))
        return await asyncio.shield(asked)

    async def _ask(self, username: str) -> accounts_pb2.AccountReply:
        request = accounts_pb2.AccountRequest(username=username)
        reply = await self._patiently(request)
        self.known[username] = (self.now() + self.seconds, reply)
        self.known.move_to_end(username)
        if len(self.known) > self.accounts_max:
            self.known.popitem(last=False)
        return reply

    async def _patiently(self, request: accounts_pb2.AccountRequest) -> accounts_pb2.AccountReply:
        """Ask until somebody answers: a service that is being restarted is no reason to turn a login away."""
        why = "no answer in time"
        try:
            async with asyncio.timeout(self.wait_seconds_max):
                while True:
                    try:
                        reply = await call(self.bus, "credentials", request, seconds_max=self.wait_seconds_max)
                        current = reply.revision >= self.changed.get(request.username, 0)
                        if reply.keys and not reply.error and current:
                            return reply
                        why = reply.error or "an answer that is out of date"
                    except Unreachable as error:
                        why = str(error)
                    await asyncio.sleep(RETRY_SECONDS)
        except TimeoutError:
            raise Unreachable(why) from None

    def forget(self, username: str, revision: int = 0) -> None:
        """The account has changed; `revision`: of its journal, where that is known."""
        self.known.pop(username, None)
        if revision:
            self.changed[username] = revision
            self.changed.move_to_end(username)
            if len(self.changed) > self.accounts_max:
                self.changed.popitem(last=False)


async def call(
    bus: Bus, verb: str, request: accounts_pb2.AccountRequest, *, seconds_max: float
) -> accounts_pb2.AccountReply:
    """One request to the accounts service. Raises `Unreachable`."""
    try:
        payload = await bus.request(rpc("accounts", verb), request.SerializeToString(), seconds_max=seconds_max)
    except BusError as error:
        raise Unreachable(str(error)) from error
    return accounts_pb2.AccountReply.FromString(payload)


class Verifier:
    """PBKDF2 takes milliseconds: `threads` of them run beside the loop, `waiting_max` wait, the rest is refused.

    A password that was right is remembered for `remembered_seconds`, as a hash under a key that only this process has
    (ADR 9): whoever reconnects costs nothing. A wrong one always costs the milliseconds.
    """

    def __init__(
        self,
        *,
        threads: int,
        waiting_max: int,
        remembered_seconds: float = 0.0,
        remembered_max: int = 10_000,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="verify")
        self._waiting = 0
        self._waiting_max = waiting_max
        self._remembered_seconds = remembered_seconds
        self._remembered_max = remembered_max
        self._now = now
        self._secret = secrets.token_bytes(32)
        # Until when, and the hash, by username; the longest unused is forgotten first.
        self._right: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def check(self, username: str, password: str, mechanism: str, keys: Keys) -> bool:
        """Whether `keys` are those of `password`. Raises `Unreachable` when too many wait."""
        # With the stored key in it: a new password makes the old one forgotten.
        text = b"\0".join((username.encode(), keys.stored_key, password.encode()))
        tag = hmac.digest(self._secret, text, "sha256")
        until, known = self._right.get(username, (0.0, b""))
        if until > self._now() and hmac.compare_digest(known, tag):
            self._right.move_to_end(username)
            return True
        right = await self.run(lambda: verify_password(password, mechanism, keys))
        if right and self._remembered_seconds:
            self._right[username] = (self._now() + self._remembered_seconds, tag)
            self._right.move_to_end(username)
            if len(self._right) > self._remembered_max:
                self._right.popitem(last=False)
        return right

    async def run(self, work: Callable[[], R]) -> R:
        """The result of `work` from another thread. Raises `Unreachable` when too many wait."""
        if self._waiting >= self._waiting_max:
            raise Unreachable("too many passwords wait to be checked")
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def keys_by_mechanism(reply: accounts_pb2.AccountReply) -> dict[str, accounts_pb2.ScramKeys]:
    """The keys by SASL mechanism name."""
    return {keys.mechanism: keys for keys in reply.keys}
