"""The archives of rooms: answering from chapters and from what no chapter has yet. XEP-0313."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from natter.bus import subjects
from natter.bus.api import Bus, Entry
from natter.proto.v1 import room_pb2
from natter.xmpp import ns
from natter.xmpp.element import append_child, attr_escape
from natter.xmpp.jid import bare_of, resource_of
from natter.xmpp.xeps import mam, rsm

from .room import archive_id, past
from .room.answer import result
from .room.past import CHAPTER_MESSAGES, Item, Pending
from .room.refusal import refusal
from .room.request import MESSAGE, Address, Output, Question, Refused
from .room.state import Room

# An answer that takes longer is refused; who asks may narrow the time.
ANSWER_SECONDS_MAX: Final = 10.0
_PARTS_PER_READ: Final = 64
_DAY_US: Final = 86_400_000_000


@dataclass(slots=True)
class Archives:
    """Answers questions about the past of rooms. `days`: how long it is kept."""

    bus: Bus
    days: float
    page_items_max: int

    async def answer(self, question: Question, pending: Sequence[Pending], now_us: int) -> list[Output]:
        """What the asker gets. `pending`: the entries that no chapter has yet, in order."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                reading = Reading(self.bus, question.room, pending)
                await reading.find_edges(now_us - int(self.days * _DAY_US))
                if question.query is None:
                    return await _edges(question, reading)
                return await _page(question, question.query, reading, self.page_items_max)
        except Refused as refused:
            return [refusal(question.request, refused)]
        except TimeoutError:
            slow = Refused("resource-constraint", "That is too much; ask for a shorter time.", type="wait")
            return [refusal(question.request, slow)]


@dataclass(slots=True)
class Reading:
    """One look at one room's past. Messages are numbered without gap from `first` to `last`; last < first: none."""

    bus: Bus
    room: Room
    pending: Sequence[Pending]
    first: int = 1
    last: int = 0
    _recent: dict[int, Item] = field(default_factory=dict)
    _taken_back: list[room_pb2.Retraction] = field(default_factory=list)
    # At most two: those between which a page lies.
    _chapters: dict[int, dict[int, Item]] = field(default_factory=dict)

    async def find_edges(self, since_us: int) -> None:
        """Where the archive begins and ends; what is older than `since_us` is in it no more."""
        life = archive_id.life(self.room.secret)
        for entry in self.pending:
            if entry.life == life:
                self._note(room_pb2.RoomEvents.FromString(entry.payload).events, self._recent, self._taken_back)
        self.last = self.room.archived
        self.first = min(self._recent, default=self.last + 1)
        oldest = await self._oldest(life)
        if oldest:
            self.first = min(self.first, oldest)
        self.first = await self.at(since_us)

    async def _oldest(self, life: str) -> int:
        """The lowest number in a chapter; 0 where there is none."""
        after, pattern = 0, subjects.chapters(self.room.jid, life)
        # Before the first entries there may stand what took something back in chapters that are gone.
        for _ in range(CHAPTER_MESSAGES):
            found = await self.bus.read(subjects.CHAPTERS, pattern, after=after, limit=4)
            items: dict[int, Item] = {}
            self._read(found, items)
            if items or not found:
                return min(items, default=0)
            after = found[-1].sequence
        return 0

    async def item(self, number: int) -> Item | None:
        """One message."""
        return (await self._chapter(past.chapter_of(number))).get(number)

    async def at(self, time_us: int) -> int:
        """The number of the first message that is not older than that; one above the last where all are."""
        low, high = self.first, self.last + 1
        while low < high:
            middle = (low + high) // 2
            item = await self.item(middle)
            if item is None or item.time_us < time_us:
                low = middle + 1
            else:
                high = middle
        return low

    async def _chapter(self, number: int) -> dict[int, Item]:
        known = self._chapters.get(number)
        if known is None:
            known = {n: item for n, item in self._recent.items() if past.chapter_of(n) == number}
            taken_back = list(self._taken_back)
            after, subject = 0, subjects.chapter(self.room.jid, archive_id.life(self.room.secret), number)
            while found := await self.bus.read(subjects.CHAPTERS, subject, after=after, limit=_PARTS_PER_READ):
                taken_back += self._read(found, known)
                after = found[-1].sequence
                if len(found) < _PARTS_PER_READ:
                    break
            past.bury(self.room, known, taken_back)
            while len(self._chapters) > 1:
                del self._chapters[next(iter(self._chapters))]
            self._chapters[number] = known
        return known

    def _read(self, entries: Iterable[Entry], into: dict[int, Item]) -> list[room_pb2.Retraction]:
        taken_back: list[room_pb2.Retraction] = []
        for entry in entries:
            part = room_pb2.RoomChapter.FromString(entry.payload)
            taken_back += part.retractions
            for one in part.entries:
                self._note(room_pb2.RoomEvents.FromString(one.events).events, into, taken_back)
        return taken_back

    def _note(
        self, events: Iterable[room_pb2.RoomEvent], into: dict[int, Item], taken_back: list[room_pb2.Retraction]
    ) -> None:
        for found in past.items(self.room, events):
            if isinstance(found, Item):
                into[found.number] = found
            else:
                taken_back.append(found)


async def _edges(question: Question, reading: Reading) -> list[Output]:
    edges = []
    for number in (reading.first, reading.last):
        item = await reading.item(number) if reading.first <= reading.last else None
        edges.append(None if item is None else (_id(reading.room, item), item.time_us))
    told = mam.metadata(*edges)
    return [result(question.request, told)]


async def _page(question: Question, query: mam.Query, reading: Reading, items_max: int) -> list[Output]:
    room = question.room
    first, last = await _range(query, reading)
    page = query.page
    size = rsm.clamp(page, items_max)
    chosen: list[Item] = []
    complete = True
    for number in _wanted(query, reading, first, last):
        item = await reading.item(number) if size else None
        if size and (item is None or not _matches(room, query, item)):
            continue
        if item is None or len(chosen) == size:
            complete = False
            break
        chosen.append(item)
    if page.before is not None:
        chosen.reverse()
    shown = _shown(room, query, chosen, first, last)
    ordered = reversed(chosen) if query.flip else chosen
    outputs = [_output(question, query, item) for item in ordered]
    return [*outputs, result(question.request, mam.fin(shown, complete=complete))]


def _wanted(query: mam.Query, reading: Reading, first: int, last: int) -> Iterable[int]:
    """The numbers among which the page is, in the order in which they are looked at."""
    page, ids = query.page, [_number(reading, id) for id in query.ids]
    if page.index:
        if query.with_ or ids or page.after or page.before is not None:
            # XEP-0059 §2.6: where something is left out, nobody knows which place a message has.
            raise Refused("feature-not-implemented", "A place is known in the whole archive only.")
        if first + page.index > last:
            raise Refused("item-not-found", "The archive ends before that place.")
        first += page.index
    # XEP-0313 §4.3.2: ids that are not in the archive.
    if page.after:
        first = max(first, _number(reading, page.after) + 1)
    if page.before:
        last = min(last, _number(reading, page.before) - 1)
    backwards = page.before is not None
    if ids:
        return sorted((n for n in ids if first <= n <= last), reverse=backwards)
    return range(last, first - 1, -1) if backwards else range(first, last + 1)


def _shown(room: Room, query: mam.Query, chosen: Sequence[Item], first: int, last: int) -> rsm.Result:
    """Numbers have no gaps: where nothing is filtered out, place and count are known without looking."""
    count = len(query.ids) or max(0, last - first + 1)
    exact = not (query.with_ or query.ids)
    if not chosen:
        # XEP-0059 §2.7: who asks for no items is told how many there are, perhaps not exactly.
        return rsm.Result(count=count if exact or query.page.items_max == 0 else None)
    index = chosen[0].number - first if exact else None
    return rsm.Result(_id(room, chosen[0]), _id(room, chosen[-1]), index, count if exact else None)


async def _range(query: mam.Query, reading: Reading) -> tuple[int, int]:
    """The numbers that the form lets in, both included."""
    first, last = reading.first, reading.last
    if query.start_us is not None:
        first = max(first, await reading.at(query.start_us))
    if query.end_us is not None:
        last = min(last, await reading.at(query.end_us + 1) - 1)
    # XEP-0313 §4.1.3
    if query.after_id:
        first = max(first, _number(reading, query.after_id) + 1)
    if query.before_id:
        last = min(last, _number(reading, query.before_id) - 1)
    return first, last


def _number(reading: Reading, id: str) -> int:
    number = archive_id.decode(reading.room.secret, id)
    if not reading.first <= number <= reading.last:
        raise Refused("item-not-found", "The archive has no message of that id.")
    return number


def _id(room: Room, item: Item) -> str:
    return archive_id.encode(room.secret, item.number)


def _matches(room: Room, query: mam.Query, item: Item) -> bool:
    if not query.with_:
        return True
    # XEP-0313 §4.1.1: the publisher, by nickname or by real address; a bare one matches every resource.
    if bare_of(query.with_) == room.jid:
        nick = resource_of(query.with_)
        return not nick or item.nick == nick
    return query.with_ in (item.jid, bare_of(item.jid))


def _output(question: Question, query: mam.Query, item: Item) -> Output:
    request, room = question.request, question.room
    stanza = item.stanza
    if question.sees_jids and item.jid:
        # XEP-0313 §6.1.2: who it was, for those who may know.
        jid, affiliation = attr_escape(item.jid), room.affiliation(bare_of(item.jid))
        x = f"<x xmlns='{ns.MUC_USER}'><item affiliation='{affiliation}' jid='{jid}'/></x>"
        stanza = append_child(stanza, x.encode())
    message = mam.result(
        stanza, archive=room.jid, to="", id=_id(room, item), queryid=query.queryid, stamp_us=item.time_us
    )
    return Output(MESSAGE, message, room.jid, (Address(request.sender, request.session),))
