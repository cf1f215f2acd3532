"""Archives in SQL: rows written in batches with their position, and pages read from them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from json import dumps, loads
from operator import attrgetter
from typing import Any, Final

from natter.xmpp.xeps.mam_preferences import Preferences
from sqlalchemy import ColumnElement, Select, and_, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from . import fulltext
from .database import Database
from .tables import marks, messages, positions, preferences, waiting

# Ids named in one statement.
KEYS_AT_ONCE_MAX: Final = 500
# Bytes of one page, where nothing else is said.
PAGE_BYTES_MAX: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Message:
    """One message in one archive, as `tables.messages` has it."""

    position: int
    owner: str
    id: str
    peer: str
    resource: str
    time_us: int
    stanza: bytes
    # What can be searched for, None: nothing.
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """One message that waits for its recipient. `archived`: their archive has it, too."""

    position: int
    owner: str
    id: str
    time_us: int
    archived: bool
    frame: bytes
    handed: str = ""


@dataclass(frozen=True, slots=True)
class Filter:
    """Which messages of one archive. Positions exclude themselves; None and empty: no such filter."""

    owner: str
    peer: str = ""
    resource: str = ""
    start_us: int | None = None
    end_us: int | None = None
    before: int | None = None
    after: int | None = None
    ids: tuple[str, ...] = ()
    # All of these (fulltext.words).
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Messages in order, and whether there are more in the direction of paging."""

    messages: list[Message] = field(default_factory=list)
    more: bool = False


class Archive:
    """What the archive service asks of the database. Everything raises `DatabaseError`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = sqlite.insert if database.sqlite else postgresql.insert

    # --- writing ----------------------------------------------------------------------------------------------------

    async def append(
        self,
        shard: str,
        sequence: int,
        kept: Sequence[Message],
        late: Sequence[Waiting] = (),
        seen: Mapping[str, tuple[int, int]] | None = None,
        now_us: int | None = None,
    ) -> None:
        """Write a batch, how far the shard has got with it, and the causes seen; or nothing. What is there stays."""
        async with self._database.writing() as connection:
            # What was written before, by an earlier holder or a replay, changes nothing.
            if kept and self._database.sqlite:
                # A measured hot path: half of what it costs by way of SQLAlchemy.
                await connection.exec_driver_sql(_INSERT, [(*_values(m), now_us) for m in kept])
            elif kept:
                rows = [_of(m) | {"written_us": now_us} for m in kept]
                await connection.execute(self._insert(messages).on_conflict_do_nothing(), rows)
            if late:
                # What comes back while it is being handed over waits anew, under its new position.
                statement = self._insert(waiting)
                fresh = {name: statement.excluded[name] for name in ("position", "time_us", "frame", "handed")}
                again = statement.on_conflict_do_update(
                    index_elements=["owner", "id"], set_=fresh, where=waiting.c.position < statement.excluded.position
                )
                await connection.execute(again, [_waits(w) for w in late])
            statement = self._insert(positions).values(shard=shard, sequence=sequence)
            newer = {"sequence": statement.excluded.sequence}
            await connection.execute(statement.on_conflict_do_update(index_elements=["shard"], set_=newer))
            for source, (number, place) in (seen or {}).items():
                statement = self._insert(marks).values(shard=shard, source=source, sequence=number, place=place)
                newer = {"sequence": statement.excluded.sequence, "place": statement.excluded.place}
                keys = ["shard", "source"]
                await connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=newer))

    async def repair(self, put: Sequence[Message], drop: Iterable[Message]) -> None:
        """Forget rows by owner and id, then write others: all of it or nothing."""
        async with self._database.writing() as connection:
            for row in drop:
                await connection.execute(delete(messages).where(messages.c.owner == row.owner, messages.c.id == row.id))
            if put:
                await connection.execute(self._insert(messages).on_conflict_do_nothing(), [_of(m) for m in put])

    async def sequence(self, shard: str) -> int:
        """How far the shard has been worked off; 0: not at all."""
        async with self._database.reading() as connection:
            found = await connection.scalar(select(positions.c.sequence).where(positions.c.shard == shard))
        return found or 0

    async def marks(self, shard: str) -> dict[str, tuple[int, int]]:
        """The highest cause seen from each source: sequence and place."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(marks).where(marks.c.shard == shard))
            return {row.source: (row.sequence, row.place) for row in found}

    # --- reading ----------------------------------------------------------------------------------------------------

    async def page(
        self, wanted: Filter, count: int, *, backwards: bool = False, bytes_max: int = PAGE_BYTES_MAX
    ) -> Page:
        """At most `count` messages: the first that match or, `backwards`, the last; always in their order.

        As few as `bytes_max` has room for, but one: before any of them is read, it is seen how large they are.
        """
        matching = _condition(wanted, sqlite=self._database.sqlite)
        order = messages.c.position.desc() if backwards else messages.c.position.asc()
        sizes = select(messages.c.position, func.length(messages.c.stanza)).where(matching)
        async with self._database.reading() as connection:
            found = (await connection.execute(sizes.order_by(order).limit(count + 1))).all()
            places: list[int] = []
            room = bytes_max
            for place, size in found[:count]:
                room -= size
                if room < 0 and places:
                    break
                places.append(place)
            if not places:
                return Page(more=bool(found))
            these = messages.c.position.between(min(places), max(places))
            rows = await connection.execute(_ROWS.where(matching, these).order_by(messages.c.position))
            return Page([Message(*row) for row in rows], len(found) > len(places))

    async def count(self, wanted: Filter) -> int:
        """How many messages match."""
        async with self._database.reading() as connection:
            return (
                await connection.scalar(select(func.count()).where(_condition(wanted, sqlite=self._database.sqlite)))
                or 0
            )

    async def find(self, owner: str, ids: Iterable[str]) -> dict[str, int]:
        """The positions of those of the ids that are in the archive."""
        statement = select(messages.c.id, messages.c.position).where(
            messages.c.owner == owner, messages.c.id.in_(list(ids))
        )
        async with self._database.reading() as connection:
            return {row.id: row.position for row in await connection.execute(statement)}

    async def edges(self, owner: str) -> tuple[Message, Message] | None:
        """The oldest and the newest message of an archive; None: it is empty."""
        everything = Filter(owner)
        first = await self.page(everything, 1)
        last = await self.page(everything, 1, backwards=True)
        return (first.messages[0], last.messages[0]) if first.messages and last.messages else None

    async def between(self, first: int, last: int) -> list[Message]:
        """The messages of all archives from one position to before another."""
        return await self._messages(
            _ROWS.where(messages.c.position >= first, messages.c.position < last).order_by("position")
        )

    async def rows(self, keys: Sequence[tuple[str, str]]) -> list[Message]:
        """The messages of these owners with these ids, as far as they are there."""
        of_owner: dict[str, list[str]] = {}
        for owner, id in keys:
            of_owner.setdefault(owner, []).append(id)
        found = []
        for owner, ids in of_owner.items():
            for start in range(0, len(ids), KEYS_AT_ONCE_MAX):
                some = messages.c.id.in_(ids[start : start + KEYS_AT_ONCE_MAX])
                found += await self._messages(_ROWS.where(messages.c.owner == owner, some))
        return found

    async def written(self, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
        """When the messages of these owners with these ids were written, as far as they are there; 0: not noted."""
        these = or_(*(and_(messages.c.owner == owner, messages.c.id == id) for owner, id in keys))
        async with self._database.reading() as connection:
            found = await connection.execute(
                select(messages.c.owner, messages.c.id, messages.c.written_us).where(these)
            )
            return {(row.owner, row.id): row.written_us or 0 for row in found}

    async def _messages(self, statement: Select[Any]) -> list[Message]:
        async with self._database.reading() as connection:
            return [Message(*row) for row in await connection.execute(statement)]

    # --- waiting ----------------------------------------------------------------------------------------------------

    async def counts(self) -> dict[str, int]:
        """For whom something waits, and how much."""
        statement = select(waiting.c.owner, func.count().label("waiting")).group_by(waiting.c.owner)
        async with self._database.reading() as connection:
            return {row.owner: row.waiting for row in await connection.execute(statement)}

    async def waits(self, owner: str, count: int) -> list[Waiting]:
        """What waits for a user, `count` at most, in order."""
        statement = (
            select(*(waiting.c[name] for name in Waiting.__dataclass_fields__))
            .where(waiting.c.owner == owner)
            .order_by(waiting.c.position)
            .limit(count)
        )
        async with self._database.reading() as connection:
            return [Waiting(*row) for row in await connection.execute(statement)]

    async def forget_waiting(self, owner: str, positions: Sequence[int]) -> int:
        """These wait no longer; how many did."""
        some = delete(waiting).where(waiting.c.owner == owner, waiting.c.position.in_(positions))
        async with self._database.writing() as connection:
            return (await connection.execute(some)).rowcount

    async def hand(self, owner: str, batch: str, count: int) -> list[Waiting]:
        """What is to be handed over now, in order: what is left of an earlier batch, or `count` that join `batch`."""
        of_owner = waiting.c.owner == owner
        async with self._database.writing() as connection:
            earlier = await connection.scalar(
                select(waiting.c.handed).where(of_owner, waiting.c.handed != "").order_by(waiting.c.position).limit(1)
            )
            if not earlier:
                first = select(waiting.c.position).where(of_owner).order_by(waiting.c.position).limit(count)
                chosen = list((await connection.execute(first)).scalars())
                if not chosen:
                    return []
                await connection.execute(
                    update(waiting).where(of_owner, waiting.c.position <= chosen[-1]).values(handed=batch)
                )
            statement = (
                select(*(waiting.c[name] for name in Waiting.__dataclass_fields__))
                .where(of_owner, waiting.c.handed == (earlier or batch))
                .order_by(waiting.c.position)
            )
            return [Waiting(*row) for row in await connection.execute(statement)]

    async def handed(self, owner: str, batch: str) -> None:
        """A batch was handed over: it waits no longer."""
        async with self._database.writing() as connection:
            await connection.execute(delete(waiting).where(waiting.c.owner == owner, waiting.c.handed == batch))

    # --- preferences ------------------------------------------------------------------------------------------------

    async def preferences(self) -> dict[str, Preferences]:
        """What users want archived, of all who have said so."""
        async with self._database.reading() as connection:
            found = await connection.execute(select(preferences))
            return {
                row.owner: Preferences(row.kind, frozenset(loads(row.always)), frozenset(loads(row.never)))
                for row in found
            }

    async def prefer(self, owner: str, wanted: Preferences) -> None:
        """What a user wants from now on."""
        values = {
            "kind": wanted.kind,
            "always": dumps(sorted(wanted.always)),
            "never": dumps(sorted(wanted.never)),
        }
        statement = self._insert(preferences).values(owner=owner, **values)
        async with self._database.writing() as connection:
            await connection.execute(statement.on_conflict_do_update(index_elements=["owner"], set_=values))

    # --- forgetting -------------------------------------------------------------------------------------------------

    async def erase(self, owner: str, until_us: int) -> int:
        """Forget what was kept for an account up to the time of its end; how many messages that were."""
        async with self._database.writing() as connection:
            gone = await connection.execute(
                delete(messages).where(messages.c.owner == owner, messages.c.time_us <= until_us)
            )
            await connection.execute(delete(waiting).where(waiting.c.owner == owner, waiting.c.time_us <= until_us))
            await connection.execute(delete(preferences).where(preferences.c.owner == owner))
        return gone.rowcount

    async def forget_before(self, before_us: int, count: int) -> int:
        """Forget the oldest messages of all archives, `count` at most, as far as they are that old; how many."""
        async with self._database.writing() as connection:
            oldest = select(messages.c.position, messages.c.time_us).order_by(messages.c.position).limit(count)
            gone = [row.position for row in await connection.execute(oldest) if row.time_us < before_us]
            if gone:
                await connection.execute(delete(messages).where(messages.c.position.in_(gone)))
        return len(gone)

    async def overfull(self, count: int) -> dict[str, int]:
        """Whose archive has more messages than that, and the newest position that is too much."""
        found = {}
        async with self._database.reading() as connection:
            counted = select(messages.c.owner).group_by(messages.c.owner).having(func.count() > count)
            for owner in (await connection.execute(counted)).scalars().all():
                place = (
                    select(messages.c.position)
                    .where(messages.c.owner == owner)
                    .order_by(messages.c.position.desc())
                    .offset(count)
                    .limit(1)
                )
                position = await connection.scalar(place)
                if position is not None:
                    found[owner] = position
        return found

    async def forget_until(self, owner: str, position: int, count: int) -> int:
        """Forget the oldest messages of an archive up to a position, `count` at most; how many."""
        oldest = (
            select(messages.c.position)
            .where(messages.c.owner == owner, messages.c.position <= position)
            .order_by(messages.c.position)
            .limit(count)
        )
        async with self._database.writing() as connection:
            gone = list((await connection.execute(oldest)).scalars())
            if gone:
                await connection.execute(delete(messages).where(messages.c.position.in_(gone)))
        return len(gone)


# The columns of a message, as `Message` has them.
_COLUMNS: Final = tuple(Message.__dataclass_fields__)
_ROWS: Final = select(*(messages.c[name] for name in _COLUMNS))
_INSERT: Final = (
    f"INSERT OR IGNORE INTO messages ({', '.join(_COLUMNS)}, written_us) VALUES ({', '.join('?' * len(_COLUMNS))}, ?)"
)
# `dataclasses.astuple` copies everything, which costs ten times this.
_values: Final[Callable[[Message], tuple[object, ...]]] = attrgetter(*_COLUMNS)


def _of(row: Message) -> dict[str, object]:
    # `dataclasses.asdict` copies everything, which costs ten times this.
    return {
        "position": row.position,
        "owner": row.owner,
        "id": row.id,
        "peer": row.peer,
        "resource": row.resource,
        "time_us": row.time_us,
        "stanza": row.stanza,
        "body": row.body,
    }


def _waits(row: Waiting) -> dict[str, object]:
    return {
        "position": row.position,
        "owner": row.owner,
        "id": row.id,
        "time_us": row.time_us,
        "archived": row.archived,
        "frame": row.frame,
        "handed": row.handed,
    }


def _condition(wanted: Filter, *, sqlite: bool) -> ColumnElement[bool]:
    table = messages.c
    conditions = [table.owner == wanted.owner]
    if wanted.peer:
        conditions.append(table.peer == wanted.peer)
    if wanted.resource:
        conditions.append(table.resource == wanted.resource)
    if wanted.start_us is not None:
        conditions.append(table.time_us >= wanted.start_us)
    if wanted.end_us is not None:
        conditions.append(table.time_us <= wanted.end_us)
    if wanted.before is not None:
        conditions.append(table.position < wanted.before)
    if wanted.after is not None:
        conditions.append(table.position > wanted.after)
    if wanted.words:
        conditions.append(fulltext.matches(wanted.owner, wanted.words, sqlite=sqlite))
    if wanted.ids:
        conditions.append(table.id.in_(wanted.ids))
    return and_(*conditions)
