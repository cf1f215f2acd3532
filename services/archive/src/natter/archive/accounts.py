"""Which accounts there are: asked of their journals, remembered for a while, corrected by what the journals say."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.removal import AccountNews, news_of
from natter.xmpp.jid import domain_of, local_of

# Remembered; at the limit the longest unused is forgotten.
ACCOUNTS_MAX: Final = 50_000
# Removals remembered, for what is still on its way; the oldest are forgotten.
REMOVED_MAX: Final = 10_000


class Accounts:
    """Of one domain."""

    def __init__(self, bus: Bus, domain: str) -> None:
        self._bus = bus
        self._domain = domain
        self._known: OrderedDict[str, bool] = OrderedDict()
        # When accounts ended, by bare JID.
        self.removed: OrderedDict[str, int] = OrderedDict()

    async def exists(self, bare: str) -> bool:
        """Whether there is such an account. Raises `BusError`."""
        name = local_of(bare)
        if not name or domain_of(bare) != self._domain:
            return False
        known = self._known.get(name)
        if known is None:
            entry = await self._bus.last(subjects.JOURNALS, subjects.journal("account", name))
            news = news_of(entry) if entry is not None else None
            known = news is not None and not news.removed_us
            # What follows the journals may have said more meanwhile.
            known = self._known.setdefault(name, known)
            if len(self._known) > ACCOUNTS_MAX:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(name)
        return known

    def heard(self, news: AccountNews) -> None:
        """Something has happened to an account."""
        if news.username in self._known:
            self._known[news.username] = not news.removed_us
        if news.removed_us:
            self.removed[self.bare(news)] = news.removed_us
            if len(self.removed) > REMOVED_MAX:
                self.removed.popitem(last=False)

    def bare(self, news: AccountNews) -> str:
        """Whom it is about."""
        return f"{news.username}@{self._domain}"
