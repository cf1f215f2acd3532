"""The holder of one room shard. Turn by turn: take what waits, decide in memory, append per room, then send."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from natter.bus.api import BusError, Entry, WrongRevision
from natter.bus.holder import Shard
from natter.bus.journal import Journal
from natter.bus.progress import Progress
from natter.bus.sender import Senders
from natter.proto.v1 import bus_pb2
from natter.telemetry import names

from .farewells import Farewells
from .marks import Marks
from .occupancy import Occupancy
from .post import Post, steps
from .questions import Questions
from .recovery import Repeat
from .room.past import takes_back
from .room.request import Cause, Limits
from .room.snapshot import summary
from .rooms import KIND, Rooms
from .shardwork import Input, Office, Parcel, Seen, Work
from .turn import TURN_INPUTS_MAX, Turn, write_down
from .upkeep import TICK_SECONDS, Upkeep

log = logging.getLogger(__name__)

# Inputs that wait in memory; above it the shard is not read.
INPUTS_MAX: Final = 20_000


@dataclass(slots=True, kw_only=True, eq=False)
class RoomWorker:
    """The worker that `Holder` feeds. `opening.open_shard` makes it."""

    office: Office
    shard: Shard
    senders: Senders
    post: Post
    rooms: Rooms
    journal: Journal
    occupancy: Occupancy
    seen: Seen
    questions: Questions
    marks: Marks
    # Journal sequences whose deliveries are stored.
    delivered: Progress
    upkeep: Upkeep | None = None
    turns: int = 0
    busy: bool = False
    closed: bool = False
    _inputs: deque[Input] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    farewells: Farewells = field(init=False)
    limits: Limits = field(init=False)

    def __post_init__(self) -> None:
        office = self.office
        self.limits = replace(office.settings.limits(), keep_words=office.keep_words, archive=office.archives())
        self.farewells = Farewells(
            directory=self.office.directory,
            occupancy=self.occupancy,
            seconds=self.office.settings.vanish_seconds,
            now_us=self.office.now_us,
            put=self._put,
        )

    def start(self) -> None:
        """Begin to work."""
        loop = asyncio.get_running_loop()
        self._tasks = [loop.create_task(self._run()), loop.create_task(self._keep())]
        self.office.strangers.on_gone.add(self.farewells.gone)
        self.office.strangers.moves.follow(self.senders)
        self.farewells.start()

    def take(self, entry: Entry) -> None:
        """Queue every frame of one envelope."""
        envelope = bus_pb2.Envelope.FromString(entry.payload)
        sequence, now_us = entry.sequence, self.office.now_us()
        source, marks = envelope.source, self.marks
        progress = self.shard.progress
        progress.begin(sequence)
        for frame in envelope.frames:
            cause = Cause()
            if frame.sequence:
                if not marks.fresh(source, frame.sequence, frame.index):
                    continue
                cause = Cause(source, frame.sequence, frame.index, frame.accepted_us)
            progress.expect(sequence)
            self._inputs.append(Input(frame, cause, sequence, now_us))
        marks.took(sequence, source)
        progress.finish(sequence)
        self._wake.set()

    def full(self) -> bool:
        """Whether so much waits that no more must be read now."""
        waiting_bytes_max = self.office.settings.waiting_bytes_max
        return len(self._inputs) > INPUTS_MAX or self.senders.waiting_bytes > waiting_bytes_max

    def note(self, position: int) -> str:
        """What is stored with the shard's position."""
        return self.marks.note(position)

    def idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._inputs and not self.busy and not self.delivered.open_sequences

    async def close(self) -> None:
        """Stop. What is not stored is repeated by the next holder."""
        if self.closed:
            return
        self.closed = True
        self.office.strangers.on_gone.discard(self.farewells.gone)
        self.office.strangers.moves.forget(self.senders)
        self.farewells.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.questions.close()
        if self.upkeep is not None:
            await self.upkeep.close()
        await self.senders.close()
        names.MUC_ROOMS.set(0, self.shard.name)

    async def send_again(self, repeats: list[Repeat]) -> None:
        """Send what an earlier holder may not have sent. Gateways ignore what they have."""
        await self.post.meet(output for repeat in repeats for output in repeat.outputs)
        for repeat in repeats:
            self.delivered.begin(repeat.sequence)
            index = 0
            for output in repeat.outputs:
                self.post.send(output, repeat.sequence, index, 0, "", partial(self._expect, repeat.sequence, 0))
                index += steps(output)
            self.delivered.finish(repeat.sequence)

    # --- turns --------------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._inputs:
                self.busy = True
                try:
                    await self._turn()
                except (BusError, RuntimeError) as error:
                    # Another holder wrote, or the bus stays away: open the shard again from what is stored.
                    if isinstance(error, WrongRevision):
                        names.MUC_FENCED.add()
                    log.warning("%s: a turn was given up: %r", self.shard.name, error)
                    self.shard.restart()
                    return
                except Exception:
                    log.exception("%s: a turn failed", self.shard.name)
                    self.shard.restart()
                    return
                finally:
                    self.busy = False

    async def _turn(self) -> None:
        self.turns += 1
        office = self.office
        while self._inputs and not self._inputs[0].room:
            self._part()
        coming = [self._inputs[i] for i in range(min(len(self._inputs), TURN_INPUTS_MAX))]
        await self.rooms.load(i.room for i in coming if i.room not in ("", office.host))
        turn = Turn(office, self.rooms, self.seen, self.limits)
        for one in coming:
            # Which rooms somebody is in who has left all of them is known when the turn before is over.
            if turn.full(one) or not one.room:
                break
            self._inputs.popleft()
            turn.take(one)
        if not turn.inputs:
            return
        revisions = await self._append(turn)
        outputs = turn.outputs()
        await self.post.meet(outputs)
        for question, source, work in turn.questions:
            self.questions.ask(question, source, tuple(work.loaded.pending))
        self._send(turn, revisions)
        self.rooms.trim(turn.works)
        names.MUC_TURN.record((office.now_us() - turn.inputs[0].taken_us) / 1e6)

    async def _append(self, turn: Turn) -> list[tuple[int, Work]]:
        """Store what was decided, all rooms at once; revisions in the order in which the bus took them."""
        entries = turn.entries()
        if not entries:
            return []
        futures = [
            self.journal.append(KIND, jid, payload, expected=work.loaded.revision) for jid, work, payload in entries
        ]
        revisions = await asyncio.gather(*futures)
        now_us = self.office.now_us()
        stored = []
        for (jid, work, payload), revision in zip(entries, revisions, strict=True):
            loaded = work.loaded
            loaded.append(work.before, loaded.room, revision, payload, len(work.events))
            self.occupancy.note(work.before, loaded.room)
            self.office.roomlist.want(summary(loaded.room, now_us))
            if self.upkeep is not None:
                self.upkeep.applied(jid, loaded, work.before, now_us)
                if any(takes_back(event) for event in work.events):
                    self.upkeep.forget_soon(jid)
            stored.append((revision, work))
        return sorted(stored, key=lambda pair: pair[0])

    def _send(self, turn: Turn, stored: list[tuple[int, Work]]) -> None:
        """Journal order first; then who was only answered."""
        for revision, work in stored:
            self.delivered.begin(revision)
            index = 0
            for parcel in work.parcels:
                if parcel.caused:
                    self._parcel(parcel, revision, index)
                    index += steps(parcel.output)
                else:
                    self._parcel(parcel, 0, 0)
            self.delivered.finish(revision)
        for work in turn.works.values():
            if not work.events:
                for parcel in work.parcels:
                    self._parcel(parcel, 0, 0)
        for parcel in turn.loose:
            self._parcel(parcel, 0, 0)
        for done in turn.inputs:
            if done.position:
                self.shard.progress.done(done.position)

    def _parcel(self, parcel: Parcel, sequence: int, index: int) -> None:
        source = parcel.input
        accepted_us = source.frame.accepted_us if source is not None else 0
        position = source.position if source is not None else 0
        expect = partial(self._expect, sequence, position)
        count = self.post.send(parcel.output, sequence, index, accepted_us, parcel.traceparent, expect)
        if count:
            names.MUC_DELIVERED.add(by=count)
        elif source is not None and (parcel.output.type == "error" or parcel.output.otherwise is not None):
            # Refused, and who sent it has left: a gateway that woke up brings what its dead sessions had said.
            write_down(self.office, source.frame)

    def _expect(self, sequence: int, position: int) -> Callable[[], None]:
        """One more frame must be stored: on account of a journal sequence, an input, or both. 0: neither."""
        if sequence:
            self.delivered.expect(sequence)
        if position:
            self.shard.progress.expect(position)
        return partial(self._stored, sequence, position)

    def _stored(self, sequence: int, position: int) -> None:
        if sequence:
            self.delivered.done(sequence)
        if position:
            self.shard.progress.done(position)

    def _put(self, inputs: list[Input]) -> None:
        self._inputs += inputs
        self._wake.set()

    def _part(self) -> None:
        """Whoever has said at the head of the queue that he is available no more says it to every room he is in."""
        word = self._inputs.popleft()
        words = self.farewells.said(word)
        if word.position:
            self.shard.progress.expect(word.position, len(words))
            self.shard.progress.done(word.position)
        self._inputs.extendleft(reversed(words))

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            names.MUC_ROOMS.set(len(self.rooms), self.shard.name)
            if self.upkeep is None:
                continue
            try:
                await self.upkeep.tick()
            except WrongRevision:
                log.warning("%s: somebody else delivers", self.shard.name)
                self.shard.restart()
                return
            except Exception:
                log.exception("%s: upkeep failed", self.shard.name)
