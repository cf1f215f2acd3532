"""Stages to play rooms on: one without a bus, for the rules, and one that is a whole shard on a bus."""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from lxml import etree
from natter.bus import subjects
from natter.bus.api import Bus, Entry, Start
from natter.bus.directory import Directory, Session
from natter.bus.holder import Shard
from natter.bus.progress import Progress
from natter.bus.series import envelope_of
from natter.muc.opening import open_shard
from natter.muc.room import dispatch
from natter.muc.room.evolve import evolve
from natter.muc.room.render import render
from natter.muc.room.request import IQ, MESSAGE, PRESENCE, Cause, Decision, Limits, Output, Request
from natter.muc.room.state import Room
from natter.muc.roomlist import RoomList
from natter.muc.settings import Settings
from natter.muc.shardwork import Office
from natter.muc.strangers import Strangers
from natter.muc.worker import RoomWorker
from natter.proto.v1 import bus_pb2
from natter.xmpp.element import insert_to, parse
from natter.xmpp.traits import traits_of

KINDS = {"message": MESSAGE, "presence": PRESENCE, "iq": IQ}
USER = "{http://jabber.org/protocol/muc#user}"
COVEN = "coven@chat.shakespeare.lit"
NOW_US = 1_700_000_000_000_000
# The cast of XEP-0045 §4.4.
CRONE, WITCH, HAG, HECATE = (
    "crone1@shakespeare.lit/desktop",
    "wiccarocks@shakespeare.lit/laptop",
    "hag66@shakespeare.lit/pda",
    "hecate@shakespeare.lit/broom",
)


def parts(xml: str) -> dict[str, Any]:
    """What the gateway would write into a frame for this stanza."""
    stanza = re.sub(r">\s+<", "><", xml.strip()).encode()
    element = parse(stanza)
    return {
        "kind": KINDS[etree.QName(element).localname],
        "type": element.get("type", ""),
        "sender": element.get("from", ""),
        "to": element.get("to", ""),
        "id": element.get("id", ""),
        "traits": int(traits_of(child.tag for child in element)),
        "payload": element[0].tag if etree.QName(element).localname == "iq" and len(element) else "",
        "stanza": stanza,
    }


@dataclass(slots=True)
class Heard:
    """What came of a stanza."""

    decision: Decision
    stanzas: list[tuple[str, etree._Element]] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        return [event.WhichOneof("event") or "" for event in self.decision.events]

    def by(self, jid: str) -> list[etree._Element]:
        """What one person got."""
        return [stanza for to, stanza in self.stanzas if to == jid]

    def one(self, jid: str) -> etree._Element:
        """The only stanza that one person got."""
        (stanza,) = self.by(jid)
        return stanza

    def error(self, jid: str) -> str:
        """The condition of the error that one person got."""
        stanza = self.one(jid)
        assert stanza.get("type") == "error", etree.tostring(stanza)
        error = stanza.find("{jabber:client}error")
        assert error is not None
        return etree.QName(error[0]).localname

    def statuses(self, jid: str) -> list[int]:
        """Status codes in the last stanza that one person got with any."""
        return codes(self.by(jid)[-1])


def codes(stanza: etree._Element) -> list[int]:
    return [int(s.get("code", "0")) for s in stanza.findall(f"{USER}x/{USER}status")]


def item(stanza: etree._Element) -> dict[str, str]:
    found = stanza.find(f"{USER}x/{USER}item")
    assert found is not None, etree.tostring(stanza)
    return {str(k): str(v) for k, v in found.attrib.items()}


class Stage:
    """One room, stanza by stanza, without a bus."""

    crone, witch, hag, hecate = CRONE, WITCH, HAG, HECATE
    codes = staticmethod(codes)
    item = staticmethod(item)

    def __init__(self, jid: str = COVEN, **limits: int) -> None:
        self.room = Room(jid)
        self.limits = Limits(**limits)
        self.now_us = NOW_US
        self.may_create = True
        # Play without looking at what is sent.
        self.quiet = False
        self.numbers = itertools.count(1)
        self.requests: list[Request] = []

    def request(self, xml: str, **more: Any) -> Request:
        self.now_us += 1_000_000
        found = {"session": "", "cause": Cause("lane.0", next(self.numbers), 0), **parts(xml), **more}
        # A person's session here is the full JID upside down; services have none.
        found["session"] = found["session"] or found["sender"][::-1]
        return Request(now_us=self.now_us, fresh=b"k" * 32, may_create=self.may_create, **found)

    def send(self, xml: str, **more: Any) -> Heard:
        return self.play(self.request(xml, **more))

    def play(self, request: Request) -> Heard:
        self.requests.append(request)
        decision = dispatch.decide(self.room, request, self.limits)
        heard = Heard(decision)
        for event in decision.events:
            after = evolve(self.room, event)
            for output in render(self.room, event, after):
                self._hear(heard, output)
            self.room = after
        for output in decision.outputs:
            self._hear(heard, output)
        return heard

    def _hear(self, heard: Heard, output: Output) -> None:
        if self.quiet:
            return
        for stanza in output.series or (output.stanza,):
            assert b" to=" not in stanza[: stanza.index(b">")]
            for target in output.to:
                heard.stanzas.append((target.jid, parse(insert_to(stanza, target.jid))))

    # --- shorthands ---------------------------------------------------------------------------------------------------

    def join(self, who: str, nick: str, inside: str = "", x: str = "", **more: Any) -> Heard:
        return self.send(
            f"<presence from='{who}' id='j' to='{self.room.jid}/{nick}'>{inside}"
            f"<x xmlns='http://jabber.org/protocol/muc'>{x}</x></presence>",
            **more,
        )

    def owner(self, who: str, inner: str, type: str = "set") -> Heard:
        query = f"<query xmlns='http://jabber.org/protocol/muc#owner'>{inner}</query>"
        return self.send(f"<iq from='{who}' id='o' to='{self.room.jid}' type='{type}'>{query}</iq>")

    def admin(self, who: str, inner: str, type: str = "set") -> Heard:
        query = f"<query xmlns='http://jabber.org/protocol/muc#admin'>{inner}</query>"
        return self.send(f"<iq from='{who}' id='a' to='{self.room.jid}' type='{type}'>{query}</iq>")

    def say(self, who: str, body: str, inside: str = "") -> Heard:
        return self.send(
            f"<message from='{who}' id='m' to='{self.room.jid}' type='groupchat'><body>{body}</body>{inside}</message>"
        )

    def configure(self, who: str, **values: str) -> Heard:
        fields = "".join(
            f"<field var='{'' if name.startswith('muc#') else 'muc#roomconfig_'}{name}'><value>{value}</value></field>"
            for name, value in values.items()
        )
        form = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
        return self.owner(who, f"<x xmlns='jabber:x:data' type='submit'>{form}{fields}</x>")

    def instant(self, who: str = CRONE, nick: str = "firstwitch") -> None:
        self.join(who, nick)
        self.owner(who, "<x xmlns='jabber:x:data' type='submit'/>")

    def coven(self) -> None:
        """The witches' meeting of the XEP: an owner, an admin, and somebody without affiliation."""
        self.instant()
        self.admin(CRONE, f"<item affiliation='admin' jid='{WITCH.partition('/')[0]}'/>")
        self.join(WITCH, "secondwitch")
        self.join(HAG, "thirdwitch")


@pytest.fixture
def stage() -> Callable[..., Stage]:
    return Stage


@pytest.fixture
def coven() -> Stage:
    """Three witches in an instant room."""
    made = Stage()
    made.coven()
    return made


# --- a shard on a bus -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Guest:
    """A session as its gateway sees it: what was delivered to it, once each."""

    session: Session
    got: list[etree._Element] = field(default_factory=list)

    @property
    def jid(self) -> str:
        return self.session.jid

    def bodies(self) -> list[str]:
        found = (stanza.findtext("{jabber:client}body") for stanza in self.got if stanza.get("type") != "error")
        return [text for text in found if text is not None]

    def errors(self) -> list[str]:
        found = [stanza.find("{jabber:client}error") for stanza in self.got if stanza.get("type") == "error"]
        return [etree.QName(error[0]).localname for error in found if error is not None]

    def gone(self) -> list[str]:
        """Who was seen leaving."""
        return [
            s.get("from", "").partition("/")[2]
            for s in self.got
            if s.tag == "{jabber:client}presence" and s.get("type") == "unavailable"
        ]


class Hall:
    """One room shard on a bus, with a router that feeds it and gateways that listen. The worker can be killed."""

    HOST = "conference.localhost"

    def __init__(self, bus: Bus, **settings: Any) -> None:
        self.bus = bus
        self.directory = Directory(bus)
        self.settings = Settings(**{"vanish_seconds": 0.05, "tombstone_seconds": 0, **settings})
        self.guests: dict[str, Guest] = {}
        self.marks: dict[tuple[str, str], tuple[int, int]] = {}
        self.duplicates = 0
        self.lane = itertools.count(1)
        self.frames: list[bus_pb2.Frame] = []
        self.office: Office | None = None
        self.worker: RoomWorker | None = None
        self.shard: Shard | None = None
        self.restarts = 0
        self.note = ""
        self._subscriptions: list[Any] = []
        self._feed: Any = None
        self._changed = asyncio.Event()
        self._published: list[asyncio.Future[int]] = []

    async def start(self) -> None:
        await self.directory.start()
        roomlist = RoomList(self.bus)
        await roomlist.start()
        self._subscriptions.append(
            await self.bus.subscribe(subjects.DELIVERIES, ("natter.deliver.*",), self._deliver, start=Start.ALL)
        )
        self.office = Office(
            bus=self.bus,
            directory=self.directory,
            strangers=Strangers(self.bus, self.directory),
            roomlist=roomlist,
            settings=self.settings,
            instance="muc-1",
            host=self.HOST,
            shards=1,
            now_us=lambda: time.time_ns() // 1000,
        )
        await self.open(0)

    async def open(self, position: int) -> None:
        """A worker that begins behind `position` of its input."""
        assert self.office is not None
        self.shard = Shard("room", 0, "room.0", Progress(position), position, self._restarted, note=self.note)
        self.worker = worker = await open_shard(self.office, self.shard)
        self._feed = await self.bus.subscribe(
            subjects.SHARDS, (subjects.shard("room", 0),), worker.take, start=position + 1
        )

    def save(self) -> int:
        """What the shard's runner does a few times a second; the position."""
        assert self.shard is not None and self.worker is not None
        self.shard.saved = self.shard.progress.position
        self.note = self.worker.note(self.shard.saved)
        return self.shard.saved

    def _restarted(self) -> None:
        self.restarts += 1
        self._changed.set()

    async def kill(self) -> None:
        """kill -9: nothing is finished, nothing is saved."""
        assert self.worker is not None
        await self._feed.stop()
        self.worker.upkeep = None
        await self.worker.close()

    async def stop(self) -> None:
        await asyncio.gather(*self._published, return_exceptions=True)
        if self.worker is not None:
            await self._feed.stop()
            await self.worker.close()
        for subscription in self._subscriptions:
            await subscription.stop()
        if self.office is not None:
            await self.office.roomlist.stop()
        await self.directory.stop()

    async def login(self, jid: str, gateway: str = "gateway-1-00000000", priority: int = 0) -> Guest:
        record = bus_pb2.SessionRecord(
            session=f"s-{jid}-{next(self.lane)}", gateway=gateway, jid=jid, available=True, priority=priority
        )
        guest = Guest(await self.directory.create(record))
        self.guests[guest.session.session] = guest
        return guest

    def send(self, guest: Guest | None, xml: str) -> bus_pb2.Frame:
        """What the router puts into the shard for a stanza. Without guest: said by a service."""
        found = parts(xml)
        frame = bus_pb2.Frame(session=guest.session.session if guest else "", accepted_us=1, **found)
        if guest is not None:
            frame.sequence, frame.index = next(self.lane), 16
        self.frames.append(frame)
        self.publish([frame])
        return frame

    def publish(self, frames: list[bus_pb2.Frame]) -> None:
        payload = bus_pb2.Envelope(source="lane.0", frames=frames).SerializeToString()
        self._published.append(self.bus.publish(subjects.shard("room", 0), payload))

    def join(self, guest: Guest, room: str, nick: str, x: str = "") -> None:
        self.send(
            guest,
            f"<presence from='{guest.jid}' id='j' to='{room}/{nick}'>"
            f"<x xmlns='http://jabber.org/protocol/muc'>{x}</x></presence>",
        )

    def submit(self, guest: Guest, room: str, **values: str) -> None:
        fields = "".join(f"<field var='muc#roomconfig_{n}'><value>{v}</value></field>" for n, v in values.items())
        query = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"
        self.send(
            guest,
            f"<iq from='{guest.jid}' id='o' to='{room}' type='set'>"
            f"<query xmlns='http://jabber.org/protocol/muc#owner'>{query}</query></iq>",
        )

    def say(self, guest: Guest, room: str, body: str, nick: str = "") -> None:
        to, type = (f"{room}/{nick}", "chat") if nick else (room, "groupchat")
        self.send(guest, f"<message from='{guest.jid}' id='m' to='{to}' type='{type}'><body>{body}</body></message>")

    async def until(self, condition: Callable[[], Any], seconds: float = 10.0) -> None:
        """Wait until something holds that deliveries make true."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def settled(self) -> None:
        """Wait until everything that was sent is worked on, stored and delivered."""
        await asyncio.gather(*self._published)
        last = max((f.result() for f in self._published), default=0)
        async with asyncio.timeout(30):
            while self.shard is None or self.shard.progress.position < last:
                await asyncio.sleep(0.002)
        marker = await self.login(f"marker@localhost/{next(self.lane)}")
        self.send(
            marker,
            f"<iq from='{marker.jid}' id='p' to='{self.HOST}' type='get'><ping xmlns='urn:xmpp:ping'/></iq>",
        )
        await self.until(lambda: marker.got)
        await self.directory.delete(marker.session)

    def _deliver(self, entry: Entry) -> None:
        gateway = entry.subject.rpartition(".")[2]
        envelope = envelope_of(entry.payload)
        for frame in envelope.frames:
            if frame.sequence:
                key, cause = (gateway, envelope.source), (frame.sequence, frame.index)
                if cause <= self.marks.get(key, (0, -1)):
                    self.duplicates += 1
                    continue
                self.marks[key] = cause
            for place, session in enumerate(frame.sessions):
                guest = self.guests.get(session)
                if guest is not None and self.directory.by_session(session) is not None:
                    stanza = insert_to(frame.stanza, frame.tos[place]) if frame.tos else frame.stanza
                    element = parse(stanza)
                    assert element.get("to", "").partition("/")[0] == guest.jid.partition("/")[0]
                    guest.got.append(element)
        self._changed.set()


@pytest.fixture
async def hall(bus: Bus) -> AsyncIterator[Hall]:
    """A shard at work."""
    made = Hall(bus)
    await made.start()
    yield made
    await made.stop()
