"""What users want archived (XEP-0441): kept in the database, known here, compared with rosters where they say so."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from natter.bus.api import Bus
from natter.bus.journal import Journal
from natter.bus.snapshot import Snapshots
from natter.proto.v1.roster_pb2 import RosterEvents, RosterSnapshot
from natter.storage.archive import Archive
from natter.xmpp.xeps import mam_preferences
from natter.xmpp.xeps.mam_preferences import Preferences

ROSTER: Final = "roster"
# A roster is read again after so long, and at most so many are remembered.
ROSTER_SECONDS: Final = 10.0
ROSTERS_MAX: Final = 1000
NOBODY: Final[frozenset[str]] = frozenset()
DEFAULT: Final = Preferences()


class Wishes:
    """Of all users who have any."""

    def __init__(self, bus: Bus, archive: Archive) -> None:
        self._archive = archive
        self._journal = Journal(bus)
        self._snapshots = Snapshots(bus)
        self._known: dict[str, Preferences] = {}
        self._rosters: OrderedDict[str, tuple[float, frozenset[str]]] = OrderedDict()

    async def open(self) -> None:
        """A shard was taken: another instance may have changed what its users want. Raises `DatabaseError`."""
        self._known = await self._archive.preferences()

    def of(self, owner: str) -> Preferences:
        """What a user wants."""
        return self._known.get(owner, DEFAULT)

    async def change(self, owner: str, prefs: Preferences) -> None:
        """What a user wants from now on. Raises `DatabaseError`."""
        await self._archive.prefer(owner, prefs)
        self._known[owner] = prefs

    async def look(self, owners: Iterable[str]) -> None:
        """Read the rosters of those who want their contacts archived only. Raises `BusError`."""
        now = asyncio.get_running_loop().time()
        for owner in owners:
            if self.of(owner).kind == "roster" and self._rosters.get(owner, (0.0, NOBODY))[0] < now:
                self._rosters[owner] = now + ROSTER_SECONDS, await self._contacts(owner)
                self._rosters.move_to_end(owner)
                if len(self._rosters) > ROSTERS_MAX:
                    self._rosters.popitem(last=False)

    def wants(self, owner: str, bare: str, resource: str) -> bool:
        """Whether a user wants a message with this other side archived."""
        prefs = self._known.get(owner)
        if prefs is None:
            return True
        return mam_preferences.wants(prefs, bare, resource, self._rosters.get(owner, (0.0, NOBODY))[1])

    async def _contacts(self, owner: str) -> frozenset[str]:
        """Whom the roster lists: its snapshot, and what has happened since."""
        found = await self._snapshots.get(ROSTER, owner)
        revision, listed = 0, set()
        if found is not None:
            revision = found[0]
            listed = {c.jid for c in RosterSnapshot.FromString(found[1]).contacts if c.listed}
        for entry in await self._journal.load(ROSTER, owner, after=revision):
            for event in RosterEvents.FromString(entry.payload).events:
                match event.WhichOneof("event"):
                    case "changed" if event.changed.listed:
                        listed.add(event.changed.jid)
                    case "changed":
                        listed.discard(event.changed.jid)
                    case "removed":
                        listed.discard(event.removed.jid)
                    case "forgotten":
                        listed.clear()
        return frozenset(listed)
