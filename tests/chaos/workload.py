"""The workload: numbered messages between pairs and in a room, and presence, from clients that come back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from acceptance import Acceptance, Echo
from ledger import Ledger, Roster
from natter.bus import subjects
from natter.bus.api import Entry, Subscription
from natter.bus.nats import NatsBus
from natter.proto.v1 import room_pb2
from raw import register_many
from system import ROOM, System
from talker import Talker

# Sent and not known to be accepted, per sender: above it nothing more is sent.
OPEN_MAX = 200
BURST_MESSAGES = 6
PROBE_SECONDS = 0.2
JOIN_SECONDS = 1.0
UP_SECONDS_MAX = 45.0
MUC = "http://jabber.org/protocol/muc"

ID = re.compile(r"""^<message\b[^>]*?\bid=['"]([pr])(\d+)-(\d+)-(\d+)['"]""")
ERROR = re.compile(r"""^<(?:message|presence)\b[^>]*?\btype=['"]error['"]""")
BODY = re.compile(r"<body>([pr])(\d+)-(\d+)-(\d+)</body>")
FROM = re.compile(r"""\bfrom=['"]([^'"]*)['"]""")
STATUS = re.compile(r"<status>s(\d+)-(\d+)</status>")

Item = tuple[str, int, int, int]


@dataclass(slots=True, eq=False)
class Pair:
    """Who speaks, who listens, and what became of it in the present run."""

    number: int
    sender: Talker
    receiver: Talker
    ledger: Ledger
    # What the sender's presence says, and what the receiver saw last.
    status: tuple[int, int] = (0, 0)
    seen: tuple[int, int] = (-1, -1)
    seen_before: int = 0


@dataclass(slots=True, eq=False)
class Workload:
    """Pairs 0 and 1 are also the four members of the room."""

    system: System
    pairs_count: int = 4
    pause_seconds: float = 0.02
    acceptance: Callable[[], Acceptance] = Echo
    room: str = ROOM
    forgets: float = 0.0
    run: int = 0
    pairs: list[Pair] = field(default_factory=list)
    roster: Roster = field(default_factory=Roster)
    # Per talker, what it sent and does not know to be accepted.
    open: dict[str, set[Item]] = field(default_factory=dict)
    inside: dict[int, bool] = field(default_factory=dict)
    logins: dict[int, int] = field(default_factory=dict)
    sending: bool = False
    _numbers: dict[int, int] = field(default_factory=dict)
    _follow: Subscription | None = None
    _bus: NatsBus | None = None
    _journal_sequence: int = 0

    # --- people -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Accounts, logins, subscriptions, the room."""
        names = [f"{side}{i}" for i in range(self.pairs_count) for side in ("from", "to")]
        await register_many(*self.system.stack.endpoint("c2s"), None, names, "pw")
        for i in range(self.pairs_count):
            self.pairs.append(Pair(i, self._talker(f"from{i}"), self._talker(f"to{i}"), Ledger("")))
        for pair in self.pairs:
            pair.sender.hear = partial(self._hear_sender, pair)
            pair.receiver.hear = partial(self._hear_receiver, pair)
            for talker in (pair.sender, pair.receiver):
                talker.on_up = partial(self._came, pair, talker)
                talker.start()
        await self.all_up()
        for pair in self.pairs:
            pair.receiver.send(f"<presence type='subscribe' to='{pair.sender.name}@localhost'/>")
            pair.sender.send(f"<presence type='subscribed' to='{pair.receiver.name}@localhost'/>")
        await self._make_room()

    async def stop(self) -> None:
        await asyncio.gather(*(t.stop() for t in self.talkers()))
        if self._follow is not None:
            await self._follow.stop()

    def talkers(self) -> list[Talker]:
        return [talker for pair in self.pairs for talker in (pair.sender, pair.receiver)]

    def members(self) -> list[Talker]:
        return self.talkers()[:4]

    async def all_up(self) -> None:
        async with asyncio.timeout(UP_SECONDS_MAX):
            for talker in self.talkers():
                await talker.up.wait()

    def _talker(self, name: str) -> Talker:
        made = Talker(name, self._address, self.acceptance(), lambda _: None, partial(self._accepted, name))
        made.forgets = self.forgets
        self.open[name] = set()
        return made

    def _address(self) -> tuple[str, int]:
        return "127.0.0.1", self.system.client_proxy.port

    def _came(self, pair: Pair, talker: Talker) -> None:
        """After a login: presence, and into the room again."""
        # What the last session did not know it will never know.
        self.open[talker.name].clear()
        logins = pair.ledger.logins if talker is pair.receiver else pair.ledger.sender_logins
        logins.append(asyncio.get_running_loop().time())
        talker.send(self._presence(pair) if talker is pair.sender else "<presence/>")
        if talker in self.members():
            self.inside[self.members().index(talker)] = False
            self._join(talker)

    def _presence(self, pair: Pair) -> str:
        return f"<presence><status>s{pair.status[0]}-{pair.status[1]}</status></presence>"

    # --- the room -----------------------------------------------------------------------------------------------------

    def _join(self, talker: Talker) -> None:
        member = self.members().index(talker)
        if talker.connection is not None and not self.inside.get(member):
            talker.send(
                f"<presence to='{self.room}/m{member}'><x xmlns='{MUC}'><history maxstanzas='0'/></x></presence>"
            )
            asyncio.get_running_loop().call_later(JOIN_SECONDS, self._join, talker)

    async def _make_room(self) -> None:
        async with asyncio.timeout(20.0):
            while not any(self.inside.values()):
                await asyncio.sleep(0.05)
        field_ = "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
        type_ = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"
        for member, talker in enumerate(self.members()):
            # Whoever came first owns it; to the others it says no.
            talker.send(
                f"<iq type='set' id='own{member}' to='{self.room}'><query xmlns='{MUC}#owner'>"
                f"<x xmlns='jabber:x:data' type='submit'>{type_}{field_}</x></query></iq>"
            )
        await self.all_inside()

    async def all_inside(self) -> None:
        async with asyncio.timeout(UP_SECONDS_MAX):
            while not all(self.inside.get(i) for i in range(4)):
                await asyncio.sleep(0.05)

    async def follow(self) -> None:
        """Read the room's journal as it grows."""
        bus = await self.system.own_bus()
        if bus is self._bus:
            return
        start = self._journal_sequence + 1 if self._journal_sequence else await bus.last_sequence(subjects.JOURNALS) + 1
        self._bus = bus
        self._follow = await bus.subscribe(
            subjects.JOURNALS, (subjects.journal("room", self.room),), self._written, start=start
        )

    def _written(self, entry: Entry) -> None:
        self._journal_sequence = entry.sequence
        for event in room_pb2.RoomEvents.FromString(entry.payload).events:
            if event.HasField("message_sent"):
                found = BODY.search(event.message_sent.stanza.decode())
                if found and int(found.group(2)) == self.run:
                    self.roster.journal.append((int(found.group(3)), int(found.group(4))))

    # --- what is heard ------------------------------------------------------------------------------------------------

    def _accepted(self, name: str, item: Item) -> None:
        self.open[name].discard(item)
        kind, run, who, number = item
        if run != self.run:
            return
        if kind == "p":
            self.pairs[who].ledger.accepted.add(number)
        else:
            self.roster.accepted.add((who, number))

    def _hear_sender(self, pair: Pair, element: str) -> None:
        self._hear_room(pair.sender, element)
        found = ID.match(element) if ERROR.match(element) else None
        if found and found.group(1) == "p" and int(found.group(2)) == self.run:
            pair.ledger.bounced.add(int(found.group(4)))

    def _hear_receiver(self, pair: Pair, element: str) -> None:
        self._hear_room(pair.receiver, element)
        if element.startswith("<presence"):
            sender, found = FROM.search(element), STATUS.search(element)
            if sender and sender.group(1) == pair.sender.jid:
                pair.seen_before += 1
                pair.seen = (int(found.group(1)), int(found.group(2))) if found else (-1, -1)
            return
        found = BODY.search(element) if not ERROR.match(element) else None
        if found and found.group(1) == "p" and int(found.group(2)) == self.run:
            pair.ledger.received.append((int(found.group(4)), asyncio.get_running_loop().time()))

    def _hear_room(self, talker: Talker, element: str) -> None:
        sender = FROM.search(element)
        if sender is None or not sender.group(1).startswith(self.room) or talker not in self.members():
            return
        member = self.members().index(talker)
        if element.startswith("<presence"):
            if "code='110'" in element or 'code="110"' in element:
                self.inside[member] = "unavailable" not in element[: element.index(">")]
                if not self.inside[member]:
                    self.logins[member] = -1
                    asyncio.get_running_loop().call_later(JOIN_SECONDS, self._join, talker)
            return
        if ERROR.match(element):
            found = ID.match(element)
            if found and found.group(1) == "r" and int(found.group(2)) == self.run:
                self.roster.bounced.add((int(found.group(3)), int(found.group(4))))
            if "not-acceptable" in element and self.inside.get(member):
                self.inside[member] = False
                self.logins[member] = -1
                self._join(talker)
            return
        found = BODY.search(element) if "<delay" not in element else None
        if found and int(found.group(2)) == self.run:
            self.roster.heard.setdefault(member, []).append((int(found.group(3)), int(found.group(4))))

    # --- a run --------------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Fresh books; everybody is there."""
        await self.all_up()
        await self.all_inside()
        await self.follow()
        self.run += 1
        for pair in self.pairs:
            pair.ledger = Ledger(f"p{self.run}-{pair.number}")
        self.roster = Roster()
        self.logins = {i: talker.logins for i, talker in enumerate(self.members())}
        self._numbers.clear()
        self.sending = True

    async def talk(self) -> None:
        """Everybody sends until `sending` is off."""
        async with asyncio.TaskGroup() as group:
            for pair in self.pairs:
                group.create_task(self._send_pair(pair))
                group.create_task(self._announce(pair))
            for member, talker in enumerate(self.members()):
                group.create_task(self._send_room(member, talker))
            for talker in self.talkers():
                group.create_task(self._probe(talker))

    async def _send_pair(self, pair: Pair) -> None:
        number, sender = 0, pair.sender
        # Every other pair says several things at once: they travel as a series (ADR 17).
        at_once = BURST_MESSAGES if pair.number % 2 else 1
        while self.sending:
            if sender.up.is_set() and len(self.open[sender.name]) < OPEN_MAX:
                said = []
                for _ in range(at_once):
                    body, item = f"p{self.run}-{pair.number}-{number}", ("p", self.run, pair.number, number)
                    pair.ledger.sent[number] = asyncio.get_running_loop().time()
                    self.open[sender.name].add(item)
                    said.append((message("chat", pair.receiver.jid, body), item))
                    number += 1
                sender.send_all(said)
            await asyncio.sleep(self.pause_seconds * at_once)

    async def _send_room(self, member: int, talker: Talker) -> None:
        number = 0
        while self.sending:
            if talker.up.is_set() and self.inside.get(member) and len(self.open[talker.name]) < OPEN_MAX:
                self.roster.sent += 1
                body = f"r{self.run}-{member}-{number}"
                self._say(talker, "groupchat", self.room, body, ("r", self.run, member, number))
                number += 1
            await asyncio.sleep(self.pause_seconds * 4)

    def _say(self, talker: Talker, type_: str, to: str, body: str, item: Item) -> None:
        self.open[talker.name].add(item)
        talker.send(message(type_, to, body), item)

    async def _announce(self, pair: Pair) -> None:
        while self.sending:
            pair.status = (self.run, pair.status[1] + 1)
            if pair.sender.up.is_set():
                pair.sender.send(self._presence(pair))
            await asyncio.sleep(0.5)

    async def _probe(self, talker: Talker) -> None:
        while self.sending:
            if talker.up.is_set() and self.open[talker.name]:
                talker.probe()
            await asyncio.sleep(PROBE_SECONDS)

    # --- the end of a run ---------------------------------------------------------------------------------------------

    def recovered(self, healed: float) -> bool:
        """Whether every pair speaks again."""
        return all(pair.ledger.recovery_seconds(healed) is not None for pair in self.pairs)

    async def settle(self, seconds_max: float) -> None:
        """Until nothing is under way any more, or P4's time is over."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds_max
        for pair in self.pairs:
            pair.status = (self.run, pair.status[1] + 1)
        told: dict[str, int] = {}
        asked = 0.0
        while loop.time() < end:
            for pair in self.pairs:
                # Once per login: the last word must arrive without being repeated.
                if pair.sender.up.is_set() and told.get(pair.sender.name) != pair.sender.logins:
                    told[pair.sender.name] = pair.sender.logins
                    pair.sender.send(self._presence(pair))
            if loop.time() - asked > 1.0:
                asked = loop.time()
                for talker in self.talkers():
                    if talker.up.is_set() and self.open[talker.name]:
                        talker.probe()
            self._who_stayed()
            if not self.under_way():
                # Whatever comes late and twice shall be counted.
                await asyncio.sleep(0.5)
                return
            await asyncio.sleep(0.05)

    def under_way(self) -> list[str]:
        """What is not settled."""
        found = [
            f"{pair.ledger.name}: {len(left)} on the way" for pair in self.pairs if (left := pair.ledger.waiting())
        ]
        found += [f"{name}: {len(items)} unacknowledged" for name, items in self.open.items() if items]
        found += [f"{pair.sender.name}: presence" for pair in self.stale()]
        if missing := self.roster.missing():
            found.append(f"room: {len(missing)} not heard")
        found += [f"{talker.name}: away" for talker in self.talkers() if not talker.up.is_set()]
        found += [f"member {i}: outside" for i in range(4) if not self.inside.get(i)]
        return found

    def stale(self) -> list[Pair]:
        """Pairs whose receiver does not see the sender's last presence."""
        return [pair for pair in self.pairs if pair.seen != pair.status]

    def _who_stayed(self) -> None:
        self.roster.stayed = {
            i for i, t in enumerate(self.members()) if self.logins.get(i) == t.logins and self.inside.get(i)
        }


def message(type_: str, to: str, body: str) -> str:
    """One message, whose id is its body."""
    return f"<message to='{to}' type='{type_}' id='{body}'><body>{body}</body></message>"
