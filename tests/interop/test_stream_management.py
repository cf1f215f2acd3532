"""Stream management on the whole system: connections cut, gateways killed, frozen and stopped under sessions."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from managed import Managed
from person import PASSWORD, Person
from raw import Raw
from resuming import killed_under_load
from stack import Stack, freeze

pytestmark = [pytest.mark.stack, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data: Path = tmp_path_factory.mktemp("sm")
    flags = ("--gateways", "2", "--routers", "2", "--open-registration", "--no-rate-limits", "--allow-plaintext")
    running = Stack(data, *flags).start()
    try:
        for name in ("alice", "bob", "carol"):
            running.add_user(name, PASSWORD)
        yield running
    finally:
        running.stop()


@pytest.fixture
async def people(own: Stack) -> AsyncIterator[Any]:
    made: list[Managed] = []

    async def start(user: str, *, presence: bool = False, max_seconds: int = 600, resource: str = "m") -> Managed:
        person = Managed(*own.endpoint("c2s"), user, PASSWORD, resource, max_seconds)
        made.append(person)
        return await person.start(presence=presence)

    yield start
    for person in made:
        await person.stop()


def bodies(person: Managed, pattern: str) -> list[int]:
    """The numbers in the bodies that a person has heard, in order."""
    found = []
    for stanza in person.heard:
        match = re.fullmatch(pattern, stanza.findtext("{jabber:client}body", ""))
        if match:
            found.append(int(match.group(1)))
    return found


def chat(to: str, body: str) -> str:
    return f"<message to='{to}' type='chat'><body>{body}</body></message>"


async def test_an_ordinary_client_resumes(own: Stack) -> None:
    alice = Person("alice@localhost/slix", PASSWORD, own.ca)
    alice.register_plugin("xep_0198")
    enabled = asyncio.ensure_future(alice.wait_until("sm_enabled", timeout=20))
    await alice.online(*own.endpoint("c2s"))
    await enabled
    bob = await Person("bob@localhost/slix", PASSWORD, own.ca).online(*own.endpoint("c2s"))
    bob.send_message("alice@localhost/slix", "one")
    await alice.says("bob@localhost/slix", "one")
    resumed = asyncio.ensure_future(alice.wait_until("session_resumed", timeout=20))
    alice.transport.abort()
    bob.send_message("alice@localhost/slix", "two")
    alice.send_message("bob@localhost/slix", "back")
    # slixmpp does not reconnect by itself.
    alice.connect(*own.endpoint("c2s"))
    await resumed
    await alice.says("bob@localhost/slix", "two")
    alice.send_message("bob@localhost/slix", "back again")
    await bob.says("alice@localhost/slix", "back again")
    assert not [s for e, s in bob.heard if e.startswith("presence") and s["type"] == "unavailable"]
    await alice.offline()
    await bob.offline()


async def test_contacts_and_rooms_see_nothing(own: Stack, people: Any) -> None:
    alice, bob = await people("alice", presence=True), await people("bob", presence=True)
    alice.send("<presence to='bob@localhost' type='subscribe'/>")
    await bob.until("type=.subscribe.")
    bob.send("<presence to='alice@localhost' type='subscribed'/>")
    bob.send("<presence to='alice@localhost' type='subscribe'/>")
    await alice.until("type=.subscribe.")
    alice.send("<presence to='bob@localhost' type='subscribed'/>")
    await bob.until("from=.alice@localhost/m.")
    room = "steady@conference.localhost"
    for who, nick in ((alice, "Alice"), (bob, "Bob")):
        who.send(f"<presence to='{room}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await who.until("code=.110.")
        who.send(
            f"<iq type='set' id='c' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
            "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
        )
        await who.until("id=.c.")
    await alice.acknowledge_all()
    bob.heard.clear()
    for which in (0, 1):
        pid = await asyncio.to_thread(own.kill, "gateway", which)
        await asyncio.to_thread(own.wait_replaced, "gateway", pid)
    bob.send(chat("alice@localhost/m", "are you there"))
    await alice.until("are you there", seconds=40)
    alice.send(f"<message to='{room}' type='groupchat'><body>in the room</body></message>")
    await bob.until("in the room", seconds=40)
    assert alice.resumed and bob.resumed
    assert alice.failures == bob.failures == []
    assert not [s for s in bob.heard if s.get("type") == "unavailable"]


async def test_a_gateway_is_killed_under_load(own: Stack) -> None:
    """`make chaos ARGS="--resume 1000"` does it with a thousand sessions."""
    found = await killed_under_load(own, pairs=20, rounds=150, pause_seconds=0.02)
    assert found.exact, found


async def test_a_frozen_gateway_that_wakes(own: Stack, people: Any) -> None:
    alice, bob = await people("alice", resource="f"), await people("bob", resource="f")
    frozen = await asyncio.to_thread(own.pids, "gateway")
    for pid in frozen[:1]:
        freeze(pid)
    try:
        for n in range(20):
            alice.send(chat(bob.jid, f"y{n}"))
            bob.send(chat(alice.jid, f"y{n}"))
        for person in (alice, bob):
            # The kernel deals half of the attempts to the frozen one, where nobody answers.
            person.try_seconds_max = 3.0
            person.cut()
        async with asyncio.timeout(90):
            while not (alice.resumed and bob.resumed):
                await asyncio.sleep(0.05)
        for n in range(20, 40):
            alice.send(chat(bob.jid, f"y{n}"))
            bob.send(chat(alice.jid, f"y{n}"))
        await asyncio.gather(alice.acknowledge_all(), bob.acknowledge_all())
        await alice.until("<[^>]*body>y39<")
        await bob.until("<[^>]*body>y39<")
    finally:
        for pid in frozen[:1]:
            os.kill(pid, signal.SIGCONT)
    for n in range(40, 60):
        alice.send(chat(bob.jid, f"y{n}"))
        bob.send(chat(alice.jid, f"y{n}"))
    await asyncio.gather(alice.acknowledge_all(), bob.acknowledge_all())
    await alice.until("<[^>]*body>y59<")
    await bob.until("<[^>]*body>y59<")
    for person in (alice, bob):
        assert bodies(person, r"y(\d+)") == [n for n in range(59) if n != 39]
        assert person.failures == []


async def test_after_the_window_messages_go_to_the_next_session(own: Stack, people: Any) -> None:
    alice = await people("alice", resource="w", max_seconds=2)
    bob = await Raw.open(*own.endpoint("c2s"))
    await bob.login("bob", PASSWORD, resource="w", presence=False)
    alice.stopping = True
    alice.cut()
    bob.send(f"<message to='{alice.jid}' type='chat' id='late'><body>too late</body></message>")
    # Not acknowledged when the window ends: whoever of the account comes next gets it, once.
    later = await Raw.open(*own.endpoint("c2s"))
    await later.login("alice", PASSWORD, resource="later", presence=False)
    later.send("<presence/>")
    late = await later.until("<message[^>]*id=.late.*?</message>", seconds=30)
    assert "too late" in late.group(0)
    await later.close()
    await bob.close()
