"""What an operator asks about rooms, the end of one, and who is what in it: `natter room`."""

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
from natter.xmpp.jid import JIDError, bare_of, domain_of, normalise
from natter.xmpp.xeps.muc import Affiliation, Item, admin_query

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
            "affiliate": self._handler(self._affiliate),
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
        found = self.office.roomlist.page(request.after, PAGE_ROOMS_MAX + 1)
        return room_pb2.RoomReply(rooms=found[:PAGE_ROOMS_MAX], more=len(found) > PAGE_ROOMS_MAX)

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
        try:
            alternate = normalise(request.alternate) if request.alternate else None
        except JIDError as error:
            raise Declined("bad-request", f"{request.alternate} is no room: {error}") from None
        destroy: Element = E(f"{{{ns.MUC_OWNER}}}destroy", {"jid": alternate})
        if request.reason:
            destroy.append(E(f"{{{ns.MUC_OWNER}}}reason", None, request.reason))
        await self._ask(jid, E(f"{{{ns.MUC_OWNER}}}query", None, destroy))
        return await self._until(jid, lambda room: room.secret != before.secret)

    async def _affiliate(self, request: room_pb2.RoomRequest) -> room_pb2.RoomReply:
        # XEP-0045 §10.4: who is owner may be for the service's own people to say.
        jid = self._jid(request)
        before = await self._now(jid)
        try:
            user, affiliation = bare_of(normalise(request.user)), Affiliation(request.affiliation)
        except (JIDError, ValueError):
            raise Declined("bad-request", "a user is USER@DOMAIN; owner, admin, member, none or outcast") from None
        if "@" not in user and affiliation not in (Affiliation.OUTCAST, Affiliation.NONE):
            raise Declined("bad-request", "a domain can only be banned")
        if before.owners() == [user] and affiliation is not Affiliation.OWNER:
            raise Declined("conflict", f"{user} is the only owner; make another one first")
        if before.entry(user) is affiliation:
            return room_pb2.RoomReply()
        await self._ask(jid, admin_query((Item(affiliation, jid=user, reason=request.reason),)))
        return await self._until(jid, lambda room: room.entry(user) is affiliation)

    async def _ask(self, jid: str, query: Element) -> None:
        """Say it to the room's holder, in order with everything else that is said to it, as if an owner had."""
        frame = bus_pb2.Frame(
            kind=IQ,
            type="set",
            sender=self.office.host,
            to=jid,
            id="operator",
            payload=query.tag,
            stanza=b"<iq type='set' id='operator' to='%b'>%b</iq>" % (attr_escape(jid).encode(), render(query)),
            accepted_us=self.office.now_us(),
        )
        subject = subjects.shard("room", subjects.shard_of(jid, self.office.shards))
        await self.office.bus.publish(subject, bus_pb2.Envelope(frames=[frame]).SerializeToString())

    async def _until(self, jid: str, done: Callable[[Room], bool]) -> room_pb2.RoomReply:
        for _ in range(LOOKS_MAX):
            if done(await self._read(jid)):
                return room_pb2.RoomReply()
            await asyncio.sleep(LOOK_SECONDS)
        raise Declined("unavailable", "nobody holds the room now; it is done when somebody does")

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
