"""Opening a room shard: position, recovery, and the worker that goes on from there."""

from __future__ import annotations

import secrets
from typing import Final

from natter.bus import subjects
from natter.bus.holder import Shard
from natter.bus.journal import Journal
from natter.bus.kv import Bucket
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.bus.snapshot import Snapshots

from .archive import Archives
from .chapters import Chapters
from .marks import Marks
from .occupancy import Occupancy
from .post import Post
from .questions import Questions
from .recovery import OutPosition, Recovery
from .rooms import Rooms
from .shardwork import Office, Seen
from .upkeep import TICK_SECONDS, Upkeep
from .worker import RoomWorker

OUT_KEY: Final = "room-out.{}"
SOURCE: Final = "room.{}"


async def open_shard(office: Office, shard: Shard) -> RoomWorker:
    """A worker that has learned the shard's rooms and repeated what was perhaps not delivered."""
    settings = office.settings
    journal, snapshots = Journal(office.bus), Snapshots(office.bus)
    await office.seal.ready()
    rooms = Rooms(journal, snapshots, loaded_max=settings.rooms_loaded_max, seal=office.seal)
    occupancy, seen, marks = Occupancy(), Seen(), Marks(shard.note)
    position = OutPosition(Bucket(office.bus, subjects.POSITIONS), OUT_KEY.format(shard.number))
    start = await position.take(office.bus)

    def mine(jid: str) -> bool:
        return subjects.shard_of(jid, office.shards) == shard.number

    recovery = Recovery(rooms, occupancy, office.roomlist, seen, mine, marks)
    repeats = await recovery.run(start, await office.census.of(shard.number))
    # A publisher of its own: the message ids of an earlier holder of the same name mean other bytes.
    publisher = f"{office.instance}.{secrets.token_hex(4)}"
    senders = Senders(office.bus, SOURCE.format(shard.number), publisher, may=shard.held)
    post = Post(office.directory, office.strangers, senders, office.blocks)
    archives = Archives(office.bus, office.room_days, settings.archive_page_items_max)
    worker = RoomWorker(
        office=office,
        shard=shard,
        senders=senders,
        post=post,
        rooms=rooms,
        journal=journal,
        occupancy=occupancy,
        seen=seen,
        questions=Questions(office, shard, post, archives),
        marks=marks,
        delivered=Progress(start),
    )
    worker.upkeep = Upkeep(
        bus=office.bus,
        journal=journal,
        snapshots=snapshots,
        rooms=rooms,
        roomlist=office.roomlist,
        position=position,
        marks=marks,
        saved=lambda: shard.saved,
        delivered=worker.delivered,
        snapshot_events=settings.snapshot_events,
        forget_seconds=settings.forget_seconds,
        idle=worker.idle,
        turns=lambda: worker.turns,
        now_us=office.now_us,
        rest_rounds=max(1, round(settings.rest_seconds / TICK_SECONDS)),
        chapters=Chapters(office.bus) if office.archives() else None,
        destroyed=recovery.destroyed,
        seal=office.seal,
    )
    await worker.send_again(repeats)
    worker.start()
    return worker
