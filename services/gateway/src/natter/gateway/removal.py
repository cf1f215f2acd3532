"""XEP-0077 §3.2: accounts that are removed. Their keys are forgotten and their sessions closed, on every gateway."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from natter.bus import subjects
from natter.bus.api import Bus, Entry, Start, Subscription
from natter.bus.directory import Directory
from natter.bus.removal import AccountNews, news_of
from natter.telemetry.names import LIMITS_HIT

from .auth import Credentials
from .session import Session

# Removals remembered for logins under way; at the limit the oldest is forgotten: nobody logs in that slowly.
REMOVED_MAX = 10_000
# Who removes the own account gets the answer before the stream ends.
ANSWER_SECONDS_MAX = 0.5


@dataclass(slots=True)
class Removals:
    """Follows the journals of all accounts. `later(seconds, callback)` is the loop's timer."""

    credentials: Credentials
    # Sessions of this gateway by id.
    sessions: Mapping[str, Session]
    domain: str
    later: Callable[[float, Callable[[], None]], object]
    removed: OrderedDict[str, int] = field(default_factory=OrderedDict)
    directory: Directory | None = None
    subscription: Subscription | None = None

    async def start(self, bus: Bus, directory: Directory) -> None:
        """To be called before the first session exists: what was removed earlier has none."""
        self.directory = directory
        self.subscription = await bus.subscribe(
            subjects.JOURNALS, (subjects.journals("account"),), self.take, start=Start.NEW
        )

    async def stop(self) -> None:
        """Follow no more."""
        if self.subscription is not None:
            await self.subscription.stop()

    def take(self, entry: Entry) -> None:
        """Something has happened to an account."""
        news = news_of(entry)
        if news is None:
            return
        self.credentials.forget(news.username, news.revision)
        if news.removed_us:
            self._remove(news)

    def gone(self, username: str, account: int) -> bool:
        """Whether the account that a client has logged in to, at revision `account`, has been removed since."""
        return account < self.removed.get(username, 0)

    def _remove(self, news: AccountNews) -> None:
        self.removed[news.username] = news.revision
        self.removed.move_to_end(news.username)
        if len(self.removed) > REMOVED_MAX:
            self.removed.popitem(last=False)
        if self.directory is None:
            return
        for record in list(self.directory.sessions(f"{news.username}@{self.domain}").values()):
            # Who has logged in since then, has done so to another account of this name.
            session = self.sessions.get(record.session)
            if session is None or record.account >= news.revision:
                continue
            LIMITS_HIT.add("removed")
            if record.jid == news.by:
                self.later(ANSWER_SECONDS_MAX, lambda session=session: end(session))  # type: ignore[misc]
            else:
                end(session)


def end(session: Session) -> None:
    """Close the stream."""
    if not session.over:
        # XEP-0077 §3.2: <not-authorized/>, and every active session ends.
        session.link.end("not-authorized", "the account was removed")
