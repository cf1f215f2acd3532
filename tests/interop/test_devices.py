"""Four devices of one user: two online with carbons, one cut off with stream management, one away: all in step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from person import PASSWORD, Login, Person
from stack import Stack

SID = "{urn:xmpp:sid:0}stanza-id"
MAIL = "{jabber:client}message"
BODY = "{jabber:client}body"


class Device:
    """A client of carol's, and what it has heard live: archive ids and bodies."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.live: list[tuple[str, str]] = []
        self.changed = asyncio.Event()
        person.add_event_handler("message", self._hear)
        for event in ("carbon_received", "carbon_sent"):
            person.add_event_handler(event, self._hear)

    def _hear(self, stanza: Any) -> None:
        # The message itself, or the one inside a carbon.
        for message in stanza.xml.iter(MAIL):
            for id in message.findall(SID):
                if id.get("by") == "carol@localhost":
                    self.live.append((id.get("id"), message.findtext(BODY)))
        self.changed.set()

    async def until(self, bodies: set[str]) -> None:
        """Wait until all of these were heard."""
        async with asyncio.timeout(60):
            while not bodies <= {body for _, body in self.live}:
                self.changed.clear()
                await self.changed.wait()

    async def history(self) -> list[tuple[str, str]]:
        """Ids and bodies of what was said with alice here."""
        rsm = {"max": 100}
        answer = await self.person.plugin["xep_0313"].retrieve(with_jid="alice@localhost/four", rsm=rsm, timeout=60)
        results = [result["mam_result"] for result in answer["mam"]["results"]]
        return [(result["id"], result["forwarded"]["stanza"]["body"]) for result in results]


@asynccontextmanager
async def device(stack: Stack, resource: str, *, managed: bool = False) -> AsyncIterator[Device]:
    person = Person(f"carol@localhost/{resource}", PASSWORD, stack.ca)
    for plugin in ("xep_0280", "xep_0313", *(["xep_0198"] if managed else [])):
        person.register_plugin(plugin)
    await person.online(*stack.endpoint("c2s"), presence=False)
    await person.plugin["xep_0280"].enable()
    made = Device(person)
    person.send_presence()
    yield made
    await person.offline()


async def test_four_devices_have_one_history(login: Login, stack: Stack) -> None:
    alice = await login("alice@localhost/four")
    async with (
        device(stack, "phone") as phone,
        device(stack, "desk") as desk,
        device(stack, "tablet", managed=True) as tablet,
    ):
        await conversation(stack, alice, phone, desk, tablet)


async def conversation(stack: Stack, alice: Person, phone: Device, desk: Device, tablet: Device) -> None:
    said: list[str] = []

    def say(sender: Person, to: str, text: str) -> None:
        said.append(text)
        sender.send_message(to, text, mtype="chat")

    say(alice, "carol@localhost/phone", "one")
    for here in (phone, desk, tablet):
        await here.until({"one"})
    # Cut off, without a word.
    tablet.person.abort()
    say(alice, "carol@localhost/phone", "two")
    await phone.until({"two"})
    say(phone.person, "alice@localhost/four", "three")
    await desk.until({"three"})
    say(desk.person, "alice@localhost/four", "four")
    await phone.until({"four"})
    await alice.says("carol@localhost/desk", "four")
    resumed = asyncio.ensure_future(tablet.person.wait_until("session_resumed", timeout=60))
    tablet.person.connect(*stack.endpoint("c2s"))
    await resumed
    say(alice, "carol@localhost/desk", "five")
    async with device(stack, "watch") as watch:
        await compare(said, phone, desk, tablet, watch)


async def compare(said: list[str], phone: Device, desk: Device, tablet: Device, watch: Device) -> None:
    histories = []
    for here in (phone, desk, tablet, watch):
        if here is not watch:
            await here.until({"one", "two", "five"})
        histories.append(await here.history())
    assert [body for _, body in histories[0]] == said
    assert histories[1:] == histories[:1] * 3
    for here, own in ((phone, "three"), (desk, "four"), (tablet, "")):
        # Live, each once, under the same ids; of what it has said itself a device is told no id.
        assert sorted(here.live) == sorted(each for each in histories[0] if each[1] != own)
    # Who comes last gets nothing a second time.
    assert watch.live == []
