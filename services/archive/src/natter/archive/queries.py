"""Questions to an archive, and the answers: pages of messages, metadata, the form."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final, Protocol

from natter.bus.api import Bus, BusError
from natter.bus.subjects import ARCHIVE
from natter.proto.v1.bus_pb2 import KIND_MESSAGE, Frame
from natter.storage.archive import Archive, Filter, Message
from natter.storage.fulltext import words
from natter.xmpp.element import Element, parse
from natter.xmpp.jid import bare_of
from natter.xmpp.xeps import flexible_offline, mam, mam_preferences, rsm

from . import replies
from .inbox import Inbox
from .preferences import Wishes

# How long a question waits for the archive to reach what its asker has seen.
BEHIND_SECONDS_MAX: Final = 5.0


class Projection(Protocol):
    """The shard that the question came to."""

    async def reached(self, sequence: int, seconds_max: float) -> bool:
        """Wait until everything up to this entry of the log is in the database. Raises `DatabaseError`."""


class NotFound(Exception):
    """An id that is not in the archive."""


@dataclass(frozen=True, slots=True)
class Queries:
    """Answers for all shards of a process. `subject_of` is the log of an archive, `asked` hears who asks."""

    bus: Bus
    archive: Archive
    page_max: int
    page_bytes_max: int
    subject_of: Callable[[str], str]
    asked: Callable[[str], None]
    wishes: Wishes
    inbox: Inbox
    search: bool = False

    async def answer(self, frame: Frame, projection: Projection) -> AsyncIterator[Frame]:
        """The frames that answer a request, in order. Raises `DatabaseError`."""
        try:
            request = parse(frame.stanza)[0]
            match frame.payload, frame.type:
                case mam.QUERY, "get":
                    yield replies.result(frame, mam.form(fulltext=self.search, of_user=True))
                case mam.QUERY, "set":
                    query = mam.parse(request, fulltext=self.search, of_user=True)
                    async for part in self._page(frame, query, projection):
                        yield part
                case mam.METADATA, "get":
                    yield replies.result(frame, await self._metadata(bare_of(frame.sender)))
                case mam_preferences.PREFS, "get":
                    yield replies.result(frame, mam_preferences.render(self.wishes.of(bare_of(frame.sender))))
                case mam_preferences.PREFS, "set":
                    prefs = mam_preferences.parse(request)
                    await self.wishes.change(bare_of(frame.sender), prefs)
                    # XEP-0441 §2.1: what is applied from now on.
                    yield replies.result(frame, mam_preferences.render(prefs))
                case ((flexible_offline.OFFLINE | flexible_offline.INFO | flexible_offline.ITEMS), _):
                    async for part in self.inbox.answer(frame, request):
                        yield part
                case _:
                    yield replies.error(frame, "bad-request")
        except mam.Unsupported as unsupported:
            # XEP-0313 §4.1.5: a field that is not known.
            yield replies.error(frame, "feature-not-implemented", f"no field {unsupported}"[:200])
        except NotFound:
            # XEP-0313 §4.1.3, §4.3.2: an id that is not in the archive.
            yield replies.error(frame, "item-not-found")
        except ValueError:
            yield replies.error(frame, "bad-request")

    async def _page(self, frame: Frame, query: mam.Query, projection: Projection) -> AsyncIterator[Frame]:
        owner = bare_of(frame.sender)
        self.asked(frame.session)
        if query.node:
            # XEP-0313 §6.1.3: nodes are for archives of pubsub.
            raise NotFound
        if query.page.index is not None:
            # XEP-0059 §2.6: pages by number would count the whole archive.
            yield replies.error(frame, "feature-not-implemented", "no pages by index")
            return
        wanted = await self._filter(owner, query, projection)
        if query.text and not wanted.words:
            # Nothing that could be found.
            yield replies.result(frame, mam.fin(rsm.Result(count=0), complete=True))
            return
        count = rsm.clamp(query.page, self.page_max)
        backwards = query.page.before is not None
        page = await self.archive.page(wanted, count, backwards=backwards, bytes_max=self.page_bytes_max)
        found = page.messages
        # XEP-0313 §4.3.4: flipped, only the order changes in which they are sent.
        for message in reversed(found) if query.flip else found:
            yield _result(frame, message, query.queryid)
        place = rsm.Result()
        if found:
            whole = not page.more and query.page.after is None and not query.page.before
            place = rsm.Result(found[0].id, found[-1].id, 0 if whole else None, len(found) if whole else None)
        elif not count or not page.more:
            # XEP-0059 §2.7: without items the count is what was asked for.
            place = rsm.Result(count=await self.archive.count(wanted))
        yield replies.result(frame, mam.fin(place, complete=not page.more))

    async def _filter(self, owner: str, query: mam.Query, projection: Projection) -> Filter:
        bare, _, resource = query.with_.partition("/")
        named = {*query.ids, *filter(None, (query.before_id, query.after_id, query.page.after, query.page.before))}
        places = await self._places(owner, named, projection) if named else {}
        befores = [places[id] for id in (query.before_id, query.page.before) if id]
        afters = [places[id] for id in (query.after_id, query.page.after) if id]
        return Filter(
            owner,
            bare,
            resource,
            query.start_us,
            query.end_us,
            min(befores) if befores else None,
            max(afters) if afters else None,
            query.ids,
            words(query.text),
        )

    async def _places(self, owner: str, named: set[str], projection: Projection) -> dict[str, int]:
        places = await self.archive.find(owner, named)
        if len(places) < len(named):
            # The asker may have seen what is still on its way here: read your own writes.
            try:
                last = await self.bus.last(ARCHIVE, self.subject_of(owner))
            except BusError:
                last = None
            if last is not None and await projection.reached(last.sequence, BEHIND_SECONDS_MAX):
                places = await self.archive.find(owner, named)
            if len(places) < len(named):
                raise NotFound
        return places

    async def _metadata(self, owner: str) -> Element:
        edges = await self.archive.edges(owner)
        if edges is None:
            return mam.metadata(None, None)
        first, last = edges
        return mam.metadata((first.id, first.time_us), (last.id, last.time_us))


def _result(asked: Frame, message: Message, queryid: str) -> Frame:
    stanza = mam.result(
        message.stanza,
        archive=message.owner,
        to=asked.sender,
        id=message.id,
        queryid=queryid,
        stamp_us=message.time_us,
    )
    return Frame(
        kind=KIND_MESSAGE, sender=message.owner, to=asked.sender, stanza=stanza, sessions=[asked.session], sequence=0
    )
