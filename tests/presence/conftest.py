"""Model users for tests of decisions, and a presence service on a bus with people to talk through it."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

import pytest
from natter.bus import subjects
from natter.bus.api import Bus, Entry, Start
from natter.bus.directory import Directory
from natter.bus.holder import Holder
from natter.bus.kv import bucket_spec, ensure
from natter.presence.app import Service
from natter.presence.model import render
from natter.presence.model.effects import Command, Decision, Limits, Policy, Push, Send, ToSessions, Via
from natter.presence.model.fold import fold
from natter.presence.model.user import Session, User
from natter.presence.pipeline import decide
from natter.presence.settings import Settings
from natter.presence.stores import LOGOUTS
from natter.proto.v1 import accounts_pb2, bus_pb2
from natter.xmpp.element import parse

DOMAIN = "natter.test"
POLICY = Policy(DOMAIN, f"conference.{DOMAIN}", Limits())
NOW_US = 1_700_000_000_000_000
ROSTER = "{jabber:iq:roster}query"


def presence_frame(
    sender: str, type: str = "", to: str = "", *, children: str = "", session: str | None = None
) -> bus_pb2.Frame:
    """A presence as the gateway makes it of a client's; `session` "" as a service makes it."""
    if session is None:
        session = f"s:{sender}"
    attributes = (f" type='{type}'" if type else "") + (f" to='{to}'" if to else "")
    stanza = f"<presence from='{sender}'{attributes}>{children}</presence>".encode()
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE, type=type, sender=sender, to=to, stanza=stanza, session=session, accepted_us=NOW_US
    )


def iq_frame(sender: str, type: str, query: str, *, to: str = "", id: str = "q1") -> bus_pb2.Frame:
    """An IQ as the gateway makes it of a client's."""
    target = f" to='{to}'" if to else ""
    stanza = f"<iq from='{sender}' type='{type}' id='{id}'{target}>{query}</iq>".encode()
    element = parse(stanza)
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_IQ,
        type=type,
        sender=sender,
        to=to,
        id=id,
        payload=str(element[0].tag),
        stanza=stanza,
        session=f"s:{sender}",
        accepted_us=NOW_US,
    )


@dataclass
class Actor:
    """One user of the model, with what his sessions heard and what went to other users."""

    user: User
    policy: Policy = POLICY
    versions: Iterator[int] = field(default_factory=lambda: count(1000))
    heard: list[bytes] = field(default_factory=list)
    sent: deque[bus_pb2.Frame] = field(default_factory=deque)
    last: Decision = field(default_factory=Decision)

    @property
    def jid(self) -> str:
        return self.user.jid

    def take(self, frame: bus_pb2.Frame, *, applied: bool = False, now_us: int = NOW_US) -> Decision:
        """Decide and become what follows."""
        decision = decide(self.user, Command(frame, now_us, applied), self.policy)
        self.user = fold(self.user, decision.events, decision.changes, next(self.versions))
        for effect in decision.effects:
            match effect:
                case ToSessions(stanza=stanza):
                    self.heard.append(stanza)
                case Push(jid=jid):
                    self.heard.append(render.push(self.user.roster, jid))
                case Send(via=Via.USER):
                    self.sent.append(
                        bus_pb2.Frame(
                            kind=bus_pb2.KIND_PRESENCE,
                            type=effect.type,
                            sender=effect.sender,
                            to=effect.to,
                            stanza=effect.stanza,
                        )
                    )
                case _:
                    pass
        self.last = decision
        return decision

    def says(self, type: str = "", to: str = "", *, resource: str = "r", children: str = "") -> Decision:
        """A presence of one of his sessions."""
        return self.take(presence_frame(f"{self.jid}/{resource}", type, to, children=children))

    def asks(self, type: str, query: str, *, to: str = "", resource: str = "r") -> Decision:
        """An IQ of one of his sessions."""
        return self.take(iq_frame(f"{self.jid}/{resource}", type, query, to=to))

    def hears(self, sender: str, type: str, *, applied: bool = False) -> Decision:
        """A presence that another user's shard sends."""
        return self.take(presence_frame(sender, type, self.jid, session=""), applied=applied)

    def gets_roster(self) -> Decision:
        return self.asks("get", "<query xmlns='jabber:iq:roster'/>")

    def sets(self, item: str) -> Decision:
        return self.asks("set", f"<query xmlns='jabber:iq:roster'>{item}</query>")

    def roster(self) -> dict[str, str]:
        """What he sees: subscription and ask by contact."""
        return {
            jid: c.state.subscription + ("+ask" if c.state.pending_out else "")
            for jid, c in self.user.roster.contacts.items()
            if c.listed
        }


@pytest.fixture
def actor() -> Callable[..., Actor]:
    """Make a model user: available, and interested in his roster, unless told otherwise."""

    def make(name: str, *, available: bool = True, interested: bool = True) -> Actor:
        made = Actor(User(f"{name}@{DOMAIN}"))
        if interested:
            made.gets_roster()
        if available:
            made.says()
        made.heard.clear()
        made.sent.clear()
        return made

    return make


@dataclass
class Person:
    """A session on the bus: says things into its user's shard as a router does, hears what reaches its gateway."""

    place: Place
    jid: str
    session: str
    gateway: str
    heard: list[bytes] = field(default_factory=list)

    @property
    def bare(self) -> str:
        return self.jid.partition("/")[0]

    async def says(self, type: str = "", to: str = "", *, children: str = "", ended: bool = False) -> None:
        if not to and type in ("", "unavailable"):
            record = self.place.writer.get(self.jid)
            if record is not None:
                await self.place.writer.update(record, available=not type)
        frame = presence_frame(self.jid, type, to, children=children, session=self.session)
        frame.ended = ended
        await self.place.route(frame)

    async def asks(self, type: str, query: str, *, to: str = "", id: str = "q1") -> None:
        frame = iq_frame(self.jid, type, query, to=to, id=id)
        frame.session = self.session
        await self.place.route(frame)

    async def until(self, *parts: str, seconds: float = 30.0) -> bytes:
        """The first stanza not yet taken that has all parts; it and those before it are taken."""
        async with asyncio.timeout(seconds):
            while True:
                for index, stanza in enumerate(self.heard):
                    if all(part.encode() in stanza for part in parts):
                        del self.heard[: index + 1]
                        return stanza
                self.place.news.clear()
                await self.place.news.wait()

    async def until_each(self, *wanted: tuple[str, ...], seconds: float = 30.0) -> None:
        """A stanza for each, in whatever order they come; all that was heard is taken."""
        async with asyncio.timeout(seconds):
            while not all(any(all(p.encode() in s for p in parts) for s in self.heard) for parts in wanted):
                self.place.news.clear()
                await self.place.news.wait()
        self.heard.clear()

    async def settled(self) -> list[bytes]:
        """Everything heard up to the answer of a request made now."""
        await self.asks("get", "<query xmlns='urn:test:nothing'/>", id="settled")
        before: list[bytes] = []
        async with asyncio.timeout(30):
            while True:
                for index, stanza in enumerate(self.heard):
                    if b"settled" in stanza:
                        before += self.heard[:index]
                        del self.heard[: index + 1]
                        return before
                self.place.news.clear()
                await self.place.news.wait()


@dataclass
class Place:
    """A bus with a presence service that can be killed and started, and gateways that only listen."""

    bus: Bus
    settings: Settings
    writer: Directory
    directory: Directory | None = None
    holder: Holder | None = None
    service: Service | None = None
    people: dict[str, Person] = field(default_factory=dict)
    frames: list[tuple[str, bus_pb2.Frame]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    user_shards: int = 2
    room_shards: int = 2

    async def start(self, instance: str = "presence-1") -> None:
        self.directory = Directory(self.bus)
        await self.directory.start()
        self.service = Service(
            self.bus,
            self.directory,
            self.settings,
            instance=instance,
            domain=DOMAIN,
            user_shards=self.user_shards,
            room_shards=self.room_shards,
        )
        self.holder = Holder(
            self.bus,
            kind="user",
            count=self.user_shards,
            service="presence",
            instance=instance,
            open_shard=self.service.open_shard,
            lease_seconds=1.0,
        )
        await self.holder.start()
        await self.opened()

    async def opened(self) -> None:
        """All shards are at work."""
        assert self.holder is not None
        async with asyncio.timeout(30):
            while len(self.holder.shards) < self.user_shards:
                await asyncio.sleep(0.001)

    async def kill(self) -> None:
        """As near to kill -9 as one process allows: nothing is finished, no position saved, no lease given back."""
        assert self.holder is not None and self.directory is not None and self.service is not None
        for task in self.holder._tasks:
            task.cancel()
        runners = list(self.holder._runners.values())
        for runner in runners:
            await runner.stop(graceful=False)
        self.holder._instances._task.cancel()
        await self.directory.stop()
        self.holder = None

    async def stop(self) -> None:
        if self.holder is not None and self.directory is not None:
            await self.holder.stop()
            await self.directory.stop()
        await self.writer.stop()

    async def account(self, name: str) -> None:
        registered = accounts_pb2.AccountRegistered(username=name)
        events = accounts_pb2.AccountEvents(events=[accounts_pb2.AccountEvent(registered=registered)])
        await self.bus.publish(subjects.journal("account", name), events.SerializeToString())

    async def join(self, jid: str, gateway: str = "gw1") -> Person:
        """Bind a session; nothing is said yet."""
        name = jid.partition("@")[0]
        if not any(person.bare == f"{name}@{DOMAIN}" for person in self.people.values()):
            await self.account(name)
        full = jid if "@" in jid else jid.replace("/", f"@{DOMAIN}/")
        session = f"session-{next(self.numbers)}"
        record = bus_pb2.SessionRecord(session=session, gateway=gateway, jid=full)
        await self.writer.create(record)
        person = self.people[session] = Person(self, full, session, gateway)
        return person

    async def enter(self, jid: str, gateway: str = "gw1") -> Person:
        """Bind, get the roster, send initial presence."""
        person = await self.join(jid, gateway)
        await person.asks("get", "<query xmlns='jabber:iq:roster'/>")
        await person.until("type='result'")
        await person.says()
        await person.until(f"from='{person.jid}'")
        return person

    async def leave(self, person: Person) -> None:
        """What a gateway does at the end of a session."""
        await person.says("unavailable", ended=True)
        await self.vanish(person)

    async def vanish(self, person: Person) -> None:
        """The record goes, and no word is said."""
        record = self.writer.get(person.jid)
        assert record is not None
        await self.writer.delete(record)

    async def route(self, frame: bus_pb2.Frame) -> None:
        """What a router does with presence and with IQs for presence."""
        frame.accepted_us = time.time_ns() // 1000
        bare = frame.sender.partition("/")[0]
        if frame.kind == bus_pb2.KIND_IQ and frame.payload == "{jabber:iq:last}query" and frame.to:
            bare = frame.to
        subject = subjects.shard("user", subjects.shard_of(bare, self.user_shards))
        envelope = bus_pb2.Envelope(source="lane.0", frames=[frame])
        await self.bus.publish(subject, envelope.SerializeToString())

    def delivered(self, entry: Entry) -> None:
        """What a gateway does with deliveries."""
        for frame in bus_pb2.Envelope.FromString(entry.payload).frames:
            self.frames.append((entry.subject, frame))
            for index, session in enumerate(frame.sessions):
                person = self.people.get(session)
                if person is None:
                    continue
                assert entry.subject == subjects.deliver(person.gateway)
                to = frame.tos[index] if frame.tos else ""
                stanza = render.insert_to(frame.stanza, to) if to else frame.stanza
                # Either kind of quotes is XML; tests look for one.
                person.heard.append(stanza.replace(b'"', b"'"))
        self.news.set()

    async def befriend(self, one: Person, other: Person) -> None:
        """Subscribe both ways."""
        for asker, asked in ((one, other), (other, one)):
            await asker.says("subscribe", asked.bare)
            await asked.until("subscribe", f"from='{asker.bare}'")
            await asked.says("subscribed", asker.bare)
            await asker.until_each(("subscribed", f"from='{asked.bare}'"), ("<presence", f"from='{asked.jid}'"))


@pytest.fixture
async def place(bus: Bus) -> AsyncIterator[Place]:
    """A presence service at work on either bus."""
    await ensure(bus, bucket_spec(LOGOUTS))
    writer = Directory(bus)
    await writer.start()
    made = Place(bus, Settings(gateway_missing_seconds=0.5, start_seconds=0.5), writer)
    listening = await bus.subscribe(subjects.DELIVERIES, ("natter.deliver.*",), made.delivered, start=Start.ALL)
    await made.start()
    yield made
    await listening.stop()
    await made.stop()


@pytest.fixture
def session() -> Callable[..., Session]:
    """Make a session of the model."""

    def make(jid: str, **changes: object) -> Session:
        return replace(Session(jid, f"s:{jid}"), **changes)  # type: ignore[arg-type]

    return make
