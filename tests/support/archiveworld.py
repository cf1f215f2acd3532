"""An archive shard on a bus in memory and a real database, with people who come and go."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

from natter.archive.accounts import Accounts
from natter.archive.handover import Handover
from natter.archive.inbox import Inbox
from natter.archive.preferences import Wishes
from natter.archive.queries import Queries
from natter.archive.settings import Settings
from natter.archive.worker import ShardWorker, Tools
from natter.bus import subjects
from natter.bus.api import Entry
from natter.bus.directory import Directory, Session
from natter.bus.memory import MemoryBus
from natter.bus.moves import Moves
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.bus.shard import Shard
from natter.proto.v1 import accounts_pb2
from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, Envelope, Frame, SessionRecord
from natter.storage.archive import Archive
from natter.storage.database import Database
from natter.xmpp.traits import Trait

ALICE, BOB = "alice@localhost", "bob@localhost"
FIRST_US = 1_700_000_000_000_000
LOG = subjects.archive(0)


class World:
    """One shard. What a router would write goes into the log and to the worker, as the holder would give it."""

    def __init__(self, database: Database, **settings: Any) -> None:
        self.database = database
        self.settings = Settings.model_validate({"batch_seconds": 0, **settings})
        self.bus = MemoryBus()
        self.archive = Archive(database)
        self.numbers = count(1)
        # How far the bus knows the shard to be done when it is opened.
        self.position = 0
        # Pairs: whom a bare JID has blocked, as a full JID.
        self.blocked: set[tuple[str, str]] = set()
        self.worker: ShardWorker
        self.progress = Progress(0)
        self.tools: Tools

    async def start(self) -> None:
        for spec in subjects.streams(in_memory=True):
            await self.bus.ensure_stream(spec)
        self.directory = Directory(self.bus)
        await self.directory.start()
        for name in ("alice", "bob"):
            registered = accounts_pb2.AccountRegistered(username=name)
            event = accounts_pb2.AccountEvents(events=[accounts_pb2.AccountEvent(registered=registered)])
            await self.bus.publish(subjects.journal("account", name), event.SerializeToString())
        await self.open()

    async def open(self) -> None:
        """A worker as app.py makes it."""
        self.handover = Handover(
            self.bus, self.directory, self.archive, lambda owner: 0, lambda who, whom: (who, whom) in self.blocked
        )
        wishes = Wishes(self.bus, self.archive)
        await wishes.open()
        self.tools = tools = Tools(
            self.archive,
            Accounts(self.bus, "localhost"),
            self.directory,
            Moves(self.directory),
            Queries(
                self.bus,
                self.archive,
                self.settings.page_max,
                self.settings.page_bytes_max,
                lambda owner: LOG,
                self.handover.asked,
                wishes,
                Inbox(self.archive, self.handover, self.settings.offline_max),
                self.settings.search,
            ),
            self.handover,
            self.settings,
            "localhost",
            wishes,
        )
        self.progress = Progress(0)
        shard = Shard("archive", 0, "archive.0", self.progress, self.position, lambda: None)
        await self.handover.open(0)
        done, seen = await self.archive.sequence("archive.0"), await self.archive.marks("archive.0")
        self.worker = ShardWorker(shard, tools, Senders(self.bus, "archive.0", "test"), done=done, seen=seen)

    async def close(self) -> None:
        await self.worker.close()
        await self.handover.close()

    async def bind(self, jid: str, *, available: bool = True, priority: int = 0, carbons: bool = False) -> Session:
        record = SessionRecord(
            session=f"s:{jid}", gateway="g1", jid=jid, available=available, priority=priority, carbons=carbons
        )
        return await self.directory.create(record)

    def message(self, text: str, *, sender: str = f"{ALICE}/a", to: str = BOB, **fields: Any) -> Frame:
        """A frame as the router's records have it."""
        number = next(self.numbers)
        owners = [sender.partition("/")[0], to.partition("/")[0]]
        defaults: dict[str, Any] = {
            "kind": KIND_MESSAGE,
            "type": "chat",
            "sender": sender,
            "to": to,
            "session": f"s:{sender}",
            "stanza": f"<message from='{sender}' to='{to}' type='chat'><body>{text}</body></message>".encode(),
            "sequence": number,
            "accepted_us": FIRST_US + number * 1_000_000,
            "stanza_id": f"id-{number}",
            "owners": owners if owners[0] != owners[1] else owners[:1],
            "traits": int(Trait.BODY),
        }
        return Frame(**{**defaults, **fields})

    def iq(self, payload: str, inside: str, *, type: str = "set", sender: str = f"{ALICE}/a") -> Frame:
        return Frame(
            kind=KIND_IQ,
            type=type,
            sender=sender,
            session=f"s:{sender}",
            id="q1",
            payload=payload,
            stanza=f"<iq type='{type}' id='q1' from='{sender}'>{inside}</iq>".encode(),
            sequence=next(self.numbers),
        )

    async def log(self, *frames: Frame, source: str = "lane.0") -> Entry:
        """Into the log, not yet to the worker."""
        payload = Envelope(source=source, frames=frames).SerializeToString()
        return Entry(LOG, await self.bus.publish(LOG, payload), payload)

    async def take(self, *frames: Frame, source: str = "lane.0") -> int:
        """Into the log and through the worker; returns when all of it is done."""
        entry = await self.log(*frames, source=source)
        await self.give(entry)
        return entry.sequence

    async def give(self, *entries: Entry) -> None:
        for entry in entries:
            self.worker.take(entry)
        await until(lambda: self.progress.position >= entries[-1].sequence)

    async def delivered(self, gateway: str = "g1") -> list[Frame]:
        """Everything that was sent to a gateway."""
        entries = await self.bus.read(subjects.DELIVERIES, subjects.deliver(gateway))
        return [frame for entry in entries for frame in Envelope.FromString(entry.payload).frames]


async def until(true: Any, seconds_max: float = 10.0) -> None:
    """Wait for something that other tasks do."""
    async with asyncio.timeout(seconds_max):
        while not true():
            await asyncio.sleep(0.005)
