"""One turn of a shard: the inputs that waited, decided in memory, room by room in the order in which they came."""

from __future__ import annotations

import logging
import secrets
from dataclasses import dataclass, field
from typing import Final

from natter.proto.v1.bus_pb2 import Frame
from natter.telemetry import names, trace
from natter.xmpp.jid import domain_of
from natter.xmpp.traits import Trait

from .rates import action_of
from .room import dispatch, host
from .room.evolve import evolve
from .room.refusal import refusal
from .room.render import render
from .room.request import MESSAGE, NOTHING, PRESENCE, Decision, Limits, Output, Question, Refused, Request
from .room.snapshot import summary
from .rooms import Rooms
from .shardwork import Input, Office, Parcel, Seen, Work

log = logging.getLogger(__name__)

# A turn ends at whichever comes first; the rest waits for the next one.
TURN_INPUTS_MAX: Final = 1000
TURN_INPUT_BYTES_MAX: Final = 384 << 10
TURN_OUTPUT_BYTES_MAX: Final = 8 << 20
# The outcome of a message that a room does nothing with, as facts have it.
DROPPED: Final = "dropped:room"


@dataclass(slots=True)
class Turn:
    """What has been decided so far."""

    office: Office
    rooms: Rooms
    seen: Seen
    limits: Limits
    works: dict[str, Work] = field(default_factory=dict)
    # Of the host itself.
    loose: list[Parcel] = field(default_factory=list)
    inputs: list[Input] = field(default_factory=list)
    # What is to be looked up, for whom, and in which room.
    questions: list[tuple[Question, Input, Work]] = field(default_factory=list)
    # Rooms made in this turn, by creator: the list of rooms does not have them yet.
    created: dict[str, int] = field(default_factory=dict)
    input_bytes: int = 0
    output_bytes: int = 0

    def full(self, coming: Input) -> bool:
        """Whether `coming` must wait for the next turn."""
        return bool(self.inputs) and (
            len(self.inputs) >= TURN_INPUTS_MAX
            # One journal entry per room and turn: it must fit into one message of the bus.
            or self.input_bytes + len(coming.frame.stanza) > TURN_INPUT_BYTES_MAX
            or self.output_bytes > TURN_OUTPUT_BYTES_MAX
        )

    def take(self, coming: Input) -> None:
        """Decide one input. Never raises for what is in it."""
        self.inputs.append(coming)
        self.input_bytes += len(coming.frame.stanza)
        # What the journal had when the shard was opened is decided. What was taken since then does not come here again:
        # the shard's marks see to it.
        if self.seen.has(coming.cause, coming.room):
            return
        try:
            self._decide(coming)
        except Exception as error:
            # One bad stanza must not stop a shard. What it held stays out of the log.
            names.POISON.add("SHARDS")
            log.error("a stanza for a room failed: %s", type(error).__name__, extra={"position": coming.position})
            self._apologise(coming)

    def _decide(self, coming: Input) -> None:
        request = self._request(coming)
        if coming.room == self.office.host:
            if self._hasty(coming, request):
                return
            decision = host.decide(request, self.office.roomlist.public())
            self.loose += [Parcel(output, False, coming) for output in decision.outputs]
            self._count(decision)
            self._told_nobody(coming, decision)
            return
        jid = coming.room
        work = self.works.get(jid)
        if work is None:
            loaded = self.rooms.get(jid)
            if loaded is None:
                raise LookupError("room is not loaded")
            work = self.works[jid] = Work(loaded, loaded.room)
        room = work.loaded.room
        # What comes again was in time when it came first.
        if not dispatch.applied(room, request) and self._hasty(coming, request):
            return
        decision = dispatch.decide(room, request, self.limits)
        parcels: list[Parcel] = []
        traceparent = self._span(coming, decision) if coming.frame.traceparent else ""
        events = []
        for event in decision.events:
            names.MUC_DECIDED.add(event.WhichOneof("event") or "unknown")
            if dispatch.is_fleeting(event, self.limits):
                # Said, and never written down: who is in doubt whether he has said it says it again.
                parcels += [Parcel(output, False, coming, traceparent) for output in render(room, event, room)]
                continue
            events.append(event)
            after = evolve(room, event)
            parcels += [Parcel(output, True, coming, traceparent) for output in render(room, event, after)]
            room = after
            if event.HasField("room_created"):
                creator = event.room_created.creator
                self.created[creator] = self.created.get(creator, 0) + 1
        parcels += [Parcel(output, False, coming, traceparent) for output in decision.outputs]
        if decision.question is not None:
            self.questions.append((decision.question, coming, work))
        # Only now, when nothing can fail any more.
        work.events += events
        work.loaded.room = room
        work.parcels += parcels
        self.output_bytes += sum(parcel.output.size for parcel in parcels)
        self._count(decision)
        self._told_nobody(coming, decision)
        if coming.vanished and decision.events:
            names.MUC_VANISHED.add()

    def _told_nobody(self, coming: Input, decision: Decision) -> None:
        """A message that came to nothing does not vanish: it is written down."""
        if decision is NOTHING:
            write_down(self.office, coming.frame)

    def _request(self, coming: Input) -> Request:
        frame = coming.frame
        joining = frame.kind == PRESENCE and bool(frame.traits & Trait.MUC_JOIN)
        may_create = joining and self._may_create(frame.sender.partition("/")[0])
        return Request(
            kind=frame.kind,
            type=frame.type,
            sender=frame.sender,
            to=frame.to,
            id=frame.id,
            traits=frame.traits,
            payload=frame.payload,
            stanza=frame.stanza,
            session=coming.vanished or frame.session,
            vanished=bool(coming.vanished),
            now_us=coming.taken_us,
            cause=coming.cause,
            fresh=secrets.token_bytes(32) if joining or frame.payload else b"",
            may_create=may_create,
        )

    def _hasty(self, coming: Input, request: Request) -> bool:
        """Whether the sender does not keep to the rates; then he is told."""
        rates = self.office.rates
        action = action_of(coming.frame) if rates is not None and not coming.vanished else None
        if rates is None or action is None or rates.allow(coming.room, request.bare, action, coming.taken_us):
            return False
        hasty = Refused("policy-violation", "Not so fast, please.", type="wait")
        self.loose.append(Parcel(refusal(request, hasty), False, coming))
        names.MUC_REFUSED.add()
        return True

    def _may_create(self, bare: str) -> bool:
        settings = self.office.settings
        if bare in settings.admins:
            return True
        # XEP-0045 §10.1.1: making rooms may be a privilege.
        if settings.create == "admins" or (settings.create == "local" and domain_of(bare) != self.office.domain):
            return False
        return self.office.roomlist.made_by(bare) + self.created.get(bare, 0) < settings.rooms_per_user_max

    def _span(self, coming: Input, decision: Decision) -> str:
        frame = coming.frame
        return trace.span(
            names.SPAN_MUC,
            traceparent=frame.traceparent,
            start_us=coming.taken_us,
            end_us=self.office.now_us(),
            attributes={"room_jid": coming.room, "from": frame.sender, "message_id": frame.id},
        )

    def _apologise(self, coming: Input) -> None:
        frame = coming.frame
        if frame.type in ("error", "result", "unavailable") or not frame.session:
            return
        try:
            sorry = refusal(self._request(coming), Refused("internal-server-error"))
        except ValueError:
            # Not even an element: it came from no client of ours.
            return
        self.loose.append(Parcel(sorry, False, coming))

    def _count(self, decision: Decision) -> None:
        refused = sum(output.type == "error" for output in decision.outputs)
        if refused:
            names.MUC_REFUSED.add(by=refused)

    def entries(self) -> list[tuple[str, Work, bytes]]:
        """What is to be appended: one journal entry for every room that has events."""
        now_us = self.office.now_us()
        return [
            (jid, work, self.office.seal.events(work.events, summary(work.loaded.room, now_us)))
            for jid, work in self.works.items()
            if work.events
        ]

    def outputs(self) -> list[Output]:
        """Everything that is to be sent."""
        works = self.works.values()
        return [p.output for work in works for p in work.parcels] + [p.output for p in self.loose]


def write_down(office: Office, frame: Frame) -> None:
    """A message ends here, and nobody is told."""
    if frame.kind == MESSAGE and office.facts is not None:
        office.facts.ended(frame, DROPPED, office.now_us())
