"""A steady mixed load: people who talk, ask, change their presence and roster, go into rooms, come and go."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from managed import Managed
from raw import Raw, register_many
from stack import Stack

PASSWORD = "pw"
MUC = "http://jabber.org/protocol/muc"
ROOMS = 4
# A guest comes back as one of so many resources: caches of JIDs fill up during the warm-up.
RESOURCES = 40


@dataclass(slots=True)
class Load:
    """`people` stay, `guests` come and go; each who stays does something `per_second` times."""

    stack: Stack
    people: int
    guests: int
    per_second: float
    # How many times as fast as said.
    pace: float = 1.0
    done: Counter[str] = field(default_factory=Counter)
    staying: list[Managed] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> None:
        """Make the accounts, log in, begin."""
        address = self.stack.endpoint("c2s")
        names = [f"soak{i}" for i in range(self.people + self.guests)]
        await register_many(*address, None, names, PASSWORD)
        for name in names[: self.people]:
            person = Managed(*address, name, PASSWORD, resource="r")
            self.staying.append(await person.start(presence=True))
        for i, person in enumerate(self.staying):
            room = f"room{i % ROOMS}@conference.localhost"
            person.send(f"<presence to='{room}/{person.user}'><x xmlns='{MUC}'/></presence>")
            if i < ROOMS:
                # XEP-0045 §10.1.2: an instant room, so that others may come in.
                form = f"<query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query>"
                person.send(f"<iq type='set' id='instant' to='{room}'>{form}</iq>")
                await person.until("id=.instant. .*type=.result.|type=.result. .*id=.instant.")
        self.tasks = [asyncio.create_task(self._person(i, person)) for i, person in enumerate(self.staying)]
        self.tasks += [asyncio.create_task(self._guest(name)) for name in names[self.people :]]

    async def stop(self) -> None:
        """Log everybody out."""
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                self.done[f"failed: {result!r}"[:200]] += 1
        for person in self.staying:
            for failure in person.failures:
                self.done[f"failed: {failure}"[:200]] += 1
            await person.stop()

    async def _person(self, number: int, person: Managed) -> None:
        dice = random.Random(number)
        acts = self._acts(number, person, dice)
        while True:
            await asyncio.sleep(dice.uniform(0.5, 1.5) / self.per_second / self.pace)
            # What was heard is not kept here: the load must not grow itself.
            person.heard.clear()
            name = dice.choices(list(acts), [60, 15, 8, 6, 6, 4, 1])[0]
            acts[name]()
            self.done[name] += 1

    def _acts(self, number: int, person: Managed, dice: random.Random) -> dict[str, Callable[[], None]]:
        def other() -> str:
            return f"soak{dice.randrange(self.people)}@localhost"

        def roster() -> None:
            who = f"c{dice.randrange(20)}@localhost"
            how = dice.choice(("", " subscription='remove'"))
            person.send(f"<iq type='set' id='r'><query xmlns='jabber:iq:roster'><item jid='{who}'{how}/></query></iq>")

        body = "x" * 80
        room = f"room{number % ROOMS}@conference.localhost"
        return {
            "chat": lambda: person.send(f"<message to='{other()}/r' type='chat'><body>{body}</body></message>"),
            "room": lambda: person.send(f"<message to='{room}' type='groupchat'><body>{body}</body></message>"),
            "presence": lambda: person.send(f"<presence><show>{dice.choice(('away', 'dnd'))}</show></presence>"),
            "ping": lambda: person.send("<iq type='get' id='p' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"),
            "roster": roster,
            "nobody": lambda: person.send(f"<message to='nobody@localhost' type='chat'><body>{body}</body></message>"),
            "cut": person.cut,
        }

    async def _guest(self, name: str) -> None:
        dice = random.Random(name)
        while True:
            await self._visit(name, f"v{self.done['visit'] % RESOURCES}", dice)
            self.done["visit"] += 1

    async def _visit(self, name: str, resource: str, dice: random.Random) -> None:
        async def about(seconds: float) -> None:
            await asyncio.sleep(dice.uniform(0.5, 1.5) * seconds / self.pace)

        guest = await (await Raw.open(*self.stack.endpoint("c2s"))).login(name, PASSWORD, resource=resource)
        try:
            await about(1.0)
            room = f"room{dice.randrange(ROOMS)}@conference.localhost"
            guest.send(f"<presence to='{room}/{name}'><x xmlns='{MUC}'/></presence>")
            await guest.until("<subject")
            guest.send(f"<message to='{room}' type='groupchat'><body>hello</body></message>")
            await about(2.0)
        finally:
            if dice.random() < 0.3:
                guest.writer.transport.abort()
            else:
                await guest.close()
