"""What an operator asks about rooms, and the end of one: `natter room`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from natter.bus import subjects
from natter.bus.api import BusError, Handler
from natter.proto.v1 import bus_pb2, room_pb2
from natter.xmpp import ns
from natter.xmpp.element import E, Element, attr_escape, render
from natter.xmpp.jid import JIDError, domain_of, normalise

from .history import Unknown, state_at
from .room import snapshot
from .room.request import IQ
from .room.state import Room
from .rooms import Rooms, present
from .shardwork import Office

# Rooms in one reply.
PAGE_ROOMS_MAX: Final = 1000
# How often, and how many times, the end of a room is looked for.
LOOKS_MAX: Final = 80
LOOK_SECONDS: Final = 0.05


class Declined(Exception):
    """Why there is no answer: a condition and a sentence."""

    def __init__(self, condition: str, text: str) -> None:
        super().__init__(condition)
        self.condition = condition
        self.text = text


@dataclass(slots=True)
class Desk:
    """Any instance answers, whoever holds the room."""

    office: Office
    rooms: Rooms

    def handlers(self) -> dict[str, Handler]:
        """By verb."""
        return {
            "list": self._handler(self._list),
            "show": self._handler(self._show),
            "at": self._handler(self._at),
            "destroy": self._handler(self._destroy),
        }

    def _handler(self, verb: Callable[[room_pb2.RoomRequest], Awaitable[room_pb2.RoomReply]]) -> Handler:
        async def handle(payload: bytes) -> bytes:
            try:
                reply = await verb(room_pb2.RoomRequest.FromString(payload))
            except Declined as declined:
                reply = room_pb2.RoomReply(error=declined.condition, text=declined.text)
            except BusError as error:
                reply = room_pb2.RoomReply(error="unavailable", text=str(error))
            return reply.SerializeToString()

        return handle

    async def _list(self, request: room_pb2.RoomRequest) -> room_pb2.RoomReply:
        every = sorted((s for s in self.office.roomlist.all() if s.jid > request.after), key=lambda s: s.jid)
        return room_pb2.RoomReply(rooms=every[:PAGE_ROOMS_MAX], more=len(every) > PAGE_ROOMS_MAX)

    async def _show(self, request: room_pb2.RoomRequest) -> room_pb2.RoomReply:
        return _told(await self._now(self._jid(request)))

    async def _at(self, request: room_pb2.RoomRequest) -> room_pb2.RoomReply:
        jid = self._jid(request)
        try:
            room = await state_at(self.office.bus, self.rooms, jid, request.time_us)
        except Unknown:
            raise Declined("item-not-found", "that is longer ago than its past is kept") from None
        if not room.exists:
            raise Declined("item-not-found", "there was no such room then")
        return _told(room)

    async def _destroy(self, request: room_pb2.RoomRequest) -> room_pb2.RoomReply:
        jid = self._jid(request)
        before = await self._now(jid)
        # Its holder ends it, in order with everything else that is said to it, as if an owner had asked.
        frame = bus_pb2.Frame(
            kind=IQ,
            type="set",
            sender=self.office.host,
            to=jid,
            id="destroy",
            payload=f"{{{ns.MUC_OWNER}}}query",
            stanza=_destruction(jid, request.reason, request.alternate),
            accepted_us=self.office.now_us(),
        )
        subject = subjects.shard("room", subjects.shard_of(jid, self.office.shards))
        await self.office.bus.publish(subject, bus_pb2.Envelope(frames=[frame]).SerializeToString())
        for _ in range(LOOKS_MAX):
            if (await self._read(jid)).secret != before.secret:
                return room_pb2.RoomReply()
            await asyncio.sleep(LOOK_SECONDS)
        raise Declined("unavailable", "nobody holds the room now; it ends when somebody does")

    def _jid(self, request: room_pb2.RoomRequest) -> str:
        text = request.jid if "@" in request.jid else f"{request.jid}@{self.office.host}"
        try:
            jid = normalise(text)
        except JIDError as error:
            raise Declined("bad-request", str(error)) from None
        if domain_of(jid) != self.office.host or "/" in jid:
            raise Declined("bad-request", f"rooms are at {self.office.host}")
        return jid

    async def _now(self, jid: str) -> Room:
        room = await self._read(jid)
        if not room.exists:
            raise Declined("item-not-found", "there is no such room")
        return room

    async def _read(self, jid: str) -> Room:
        return present(await self.rooms.read(jid)).room


def _told(room: Room) -> room_pb2.RoomReply:
    """A room for people to read: nothing that was said, nothing that is secret."""
    told = room_pb2.RoomSnapshot.FromString(snapshot.encode(room))
    for name in ("secret", "history", "subject_stanza", "applied"):
        told.ClearField(name)
    if told.config.password:
        told.config.password = "(set)"
    for occupant in told.occupants:
        occupant.ClearField("presence")
    return room_pb2.RoomReply(room=told)


def _destruction(jid: str, reason: str, alternate: str) -> bytes:
    destroy: Element = E(f"{{{ns.MUC_OWNER}}}destroy", {"jid": alternate or None})
    if reason:
        destroy.append(E(f"{{{ns.MUC_OWNER}}}reason", None, reason))
    query = render(E(f"{{{ns.MUC_OWNER}}}query", None, destroy))
    return b"<iq type='set' id='destroy' to='%b'>%b</iq>" % (attr_escape(jid).encode(), query)
