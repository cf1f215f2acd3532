"""Which full JIDs are in which rooms of a shard: what to look at when a session vanishes."""

from __future__ import annotations

from collections.abc import Iterator

from .room.state import Room


class Occupancy:
    """Rooms by full JID, with the session that entered. Bounded by the rooms' own limits."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, str]] = {}

    def note(self, before: Room, after: Room) -> None:
        """The occupants of a room have changed, perhaps."""
        if before.occupants is after.occupants:
            return
        for jid in before.occupants.keys() - after.occupants.keys():
            rooms = self._rooms.get(jid)
            if rooms is not None:
                rooms.pop(after.jid, None)
                if not rooms:
                    del self._rooms[jid]
        # An occupant about whom nothing has changed is the same object: of a thousand, all but one.
        known = before.occupants.get
        for occupant in [o for jid, o in after.occupants.items() if known(jid) is not o]:
            self._rooms.setdefault(occupant.jid, {})[after.jid] = occupant.session

    def rooms(self, jid: str, session: str) -> list[str]:
        """The rooms that this session of a full JID is in."""
        return [room for room, of in self._rooms.get(jid, {}).items() if of == session]

    def sessions(self) -> Iterator[tuple[str, str, str]]:
        """Full JID, session and room of every stay."""
        for jid, rooms in self._rooms.items():
            for room, session in rooms.items():
                yield jid, session, room

    def __len__(self) -> int:
        return len(self._rooms)
