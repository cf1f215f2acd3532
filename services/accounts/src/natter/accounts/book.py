"""All accounts: each request loads one journal, decides, appends. Any number of instances may do so at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from natter.bus.api import Bus
from natter.bus.decider import transact
from natter.bus.journal import Journal
from natter.bus.removal import news_of
from natter.bus.subjects import JOURNALS, journal
from natter.proto.v1.accounts_pb2 import AccountEvent, AccountEvents, ScramKeys
from natter.xmpp import jid

from .account import decide
from .account.state import INITIAL, NO_CAUSE, Account, Cause, evolve, fold
from .fakes import fake_keys
from .keys import Deriver
from .removals import Tell

KIND = "account"
# Bytes of names in one answer: NATS takes 1 MiB.
LIST_BYTES_MAX = 512 << 10


class WrongUsername(ValueError):
    """The text cannot be a localpart (RFC 7622 §3.3)."""


def prepared(username: str) -> str:
    """The localpart that `username` says. Raises WrongUsername."""
    try:
        return jid.username(username)
    except jid.JIDError as error:
        raise WrongUsername(str(error)) from error


def decode(payload: bytes) -> Sequence[AccountEvent]:
    """The events of a journal entry."""
    return AccountEvents.FromString(payload).events


def encode(events: Sequence[AccountEvent]) -> bytes:
    """A journal entry."""
    return AccountEvents(events=events).SerializeToString()


class Untold(Exception):
    """The account was removed once more, and its user's shard has not heard of it."""


class Book:
    """The accounts of this system. Coroutines raise WrongUsername, PasswordError, Refused, Busy and BusError."""

    def __init__(
        self,
        bus: Bus,
        deriver: Deriver,
        *,
        secret: bytes,
        iterations: int,
        now_us: Callable[[], int],
        tell: Tell,
    ) -> None:
        self._bus = bus
        self._journal = Journal(bus)
        self._deriver = deriver
        self._secret = secret
        self._iterations = iterations
        self._now_us = now_us
        self._tell = tell

    async def credentials(self, username: str) -> tuple[bool, Sequence[ScramKeys], int]:
        """Whether the account exists, its keys or those of a stable fake, its revision. The same work either way."""
        try:
            name = prepared(username)
        except WrongUsername:
            name = username
        fakes = fake_keys(self._secret, name, self._iterations)
        # The newest entry alone says how to log in: no need to fold the journal for every login.
        entry = await self._bus.last(JOURNALS, journal(KIND, name))
        account = fold(INITIAL, decode(entry.payload)) if entry else INITIAL
        revision = entry.sequence if entry else 0
        return (True, account.keys, revision) if account.exists else (False, fakes, revision)

    async def register(self, username: str, password: str, *, by: str) -> None:
        """Make an account."""
        name = prepared(username)
        keys = await self._deriver.derive(password)
        while True:
            told_us = await self._tell_removal(name)

            def decision(account: Account, told_us: int = told_us) -> Sequence[AccountEvent]:
                if not account.exists and account.removed_us != told_us:
                    raise Untold
                return decide.register(account, username=name, keys=keys, now_us=self._now_us(), by=by)

            try:
                return await self._decide(name, decision)
            except Untold:
                continue

    async def change_password(self, username: str, password: str, *, by: str, cause: Cause = NO_CAUSE) -> None:
        """Replace an account's keys."""
        name = prepared(username)
        keys = await self._deriver.derive(password)
        await self._decide(
            name,
            lambda account: decide.change_password(
                account, username=name, keys=keys, now_us=self._now_us(), by=by, cause=cause
            ),
        )

    async def remove(self, username: str, *, by: str, cause: Cause = NO_CAUSE) -> None:
        """Close an account."""
        name = prepared(username)
        await self._decide(
            name, lambda account: decide.remove(account, username=name, now_us=self._now_us(), by=by, cause=cause)
        )

    async def _tell_removal(self, name: str) -> int:
        """Whoever had this name before is out of the user's shard before anything of the new user gets there.

        When the last removal was; 0 for none.
        """
        entry = await self._bus.last(JOURNALS, journal(KIND, name))
        news = news_of(entry) if entry is not None else None
        if news is None or not news.removed_us:
            return 0
        await self._tell(news)
        return news.removed_us

    async def names(self, *, after: str, names_max: int) -> tuple[list[str], int]:
        """Usernames in order, those above `after`, and how many more there are."""
        found = []
        for entry in await self._journal.last_of_kind(KIND):
            event = decode(entry.payload)[-1]
            if event.WhichOneof("event") in ("registered", "password_changed"):
                found.append(event.registered.username or event.password_changed.username)
        wanted = sorted(name for name in found if name > after)
        page, size = [], 0
        for name in wanted[:names_max]:
            size += len(name.encode()) + 4
            if size > LIST_BYTES_MAX:
                break
            page.append(name)
        return page, len(wanted) - len(page)

    async def _decide(self, name: str, decision: Callable[[Account], Sequence[AccountEvent]]) -> None:
        await transact(
            self._journal,
            KIND,
            name,
            initial=INITIAL,
            evolve=evolve,
            decode=decode,
            encode=encode,
            decide=decision,
        )
