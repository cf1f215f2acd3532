"""No room on the bus, and no bus: clients are told, nothing is acknowledged that is not safe, all of it passes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from managed import Managed
from natter.bus import subjects
from natter.bus.api import StreamFull
from natter.bus.nats import NatsBus, connect
from natter.runtime.natsserver import read_credentials
from person import PASSWORD
from raw import Raw
from stack import Stack, freeze

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

MIB = 1 << 20
NAMES = ("LANES", "DELIVERIES", "SHARDS", "JOURNALS")
# Nobody reads these.
FILLERS = {
    "LANES": "natter.lane.99",
    "DELIVERIES": "natter.deliver.nobody",
    "SHARDS": "natter.shard.nobody.0",
    "JOURNALS": "natter.journal.nobody.x",
}
WAITING_BYTES_MAX = 1 << 20
SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data: Path = tmp_path_factory.mktemp("full")
    sizes = "{" + ",".join(f'"{name}":{4 * MIB}' for name in NAMES) + "}"
    sets = (
        f"bus.bytes_max={sizes}",
        f"gateway.waiting_bytes_max={WAITING_BYTES_MAX}",
        "gateway.credentials_seconds_max=1",
    )
    flags = [word for each in sets for word in ("--set", each)]
    running = Stack(data, "--gateways", "1", "--no-rate-limits", "--allow-plaintext", *flags).start()
    try:
        for name in ("alice", "bob", "carol"):
            running.add_user(name, PASSWORD)
        yield running
    finally:
        running.stop()


@pytest.fixture
async def bus(own: Stack) -> AsyncIterator[NatsBus]:
    credentials = read_credentials(own.data / "nats")
    assert credentials is not None
    made = await connect(
        credentials.url, name="test", user=credentials.user, password=credentials.password.get_secret_value()
    )
    yield made
    await made.close()


@pytest.fixture
async def people(own: Stack) -> AsyncIterator[Any]:
    made: list[Managed] = []

    async def start(user: str) -> Managed:
        person = Managed(*own.endpoint("c2s"), user, PASSWORD)
        made.append(person)
        return await person.start(presence=True)

    yield start
    for person in made:
        await person.stop()


async def fill(bus: NatsBus, stream: str) -> None:
    """Until nothing fits any more."""
    for size in (200_000, 2_000, 100):
        while True:
            try:
                await bus.publish(FILLERS[stream], bytes(size))
            except StreamFull:
                break


def numbers(person: Managed, pattern: str) -> list[int]:
    return [int(n) for e in person.heard for n in re.findall(pattern, e.findtext("{jabber:client}body") or "")]


def refused(person: Managed) -> dict[str, str]:
    """Conditions of the errors that were heard, by id of the stanza."""
    found = {}
    for element in person.heard:
        error = element.find("{jabber:client}error")
        if error is not None:
            assert error.get("type") == "wait"
            found[element.get("id", "")] = error[0].tag.partition("}")[2]
    return found


@pytest.mark.parametrize("stream", ["LANES", "DELIVERIES", "SHARDS"])
async def test_a_full_js_stream(own: Stack, people: Any, bus: NatsBus, stream: str) -> None:
    alice, bob = await people("alice"), await people("bob")
    await alice.acknowledge_all()
    await fill(bus, stream)
    # As long as nobody has found out, it is accepted: and then it arrives.
    sent = 0
    async with asyncio.timeout(60):
        while not refused(alice):
            alice.send(f"<message to='bob@localhost/m' type='chat' id='{sent}'><body>n{sent}.</body></message>")
            sent += 1
            alice.ask()
            await asyncio.sleep(0.02)
            if stream == "DELIVERIES" and sent > 100:
                # Its own log takes no refusals either: they come when there is room.
                break
    if stream == "LANES":
        assert alice.acknowledged == 1, "her presence; nothing behind it is stored"
    await bus.purge(getattr(subjects, stream), FILLERS[stream])
    async with asyncio.timeout(60):
        while len(numbers(bob, r"n(\d+)\.")) + len(refused(alice)) < sent:
            await asyncio.sleep(0.02)
    arrived = numbers(bob, r"n(\d+)\.")
    assert arrived == sorted(set(arrived))
    assert set(refused(alice).values()) == {"resource-constraint"}
    assert sorted([*arrived, *map(int, refused(alice))]) == list(range(sent))
    await alice.acknowledge_all()
    # As before, once the gateway has seen that there is room.
    for attempt in range(sent, sent + 1000):
        alice.send(f"<message to='bob@localhost/m' type='chat' id='{attempt}'><body>again{attempt}.</body></message>")
        async with asyncio.timeout(60):
            while str(attempt) not in refused(alice) and attempt not in numbers(bob, r"again(\d+)\."):
                await asyncio.sleep(0.02)
        if attempt in numbers(bob, r"again(\d+)\."):
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("refused for ever")
    assert not alice.failures and not bob.failures


async def test_full_journals(people: Any, bus: NatsBus) -> None:
    alice, bob = await people("alice"), await people("bob")
    await alice.acknowledge_all()
    await fill(bus, "JOURNALS")
    sent = 0
    async with asyncio.timeout(60):
        while not refused(alice):
            query = f"<query xmlns='jabber:iq:roster'><item jid='c{sent}@localhost'/></query>"
            alice.send(f"<iq type='set' id='{sent}'>{query}</iq>")
            sent += 1
            await asyncio.sleep(0.05)
    # People talk.
    alice.send("<message to='bob@localhost/m' type='chat'><body>n0.</body></message>")
    async with asyncio.timeout(60):
        while numbers(bob, r"n(\d+)\.") != [0]:
            await asyncio.sleep(0.02)
    assert not [e for e in alice.heard if e.get("type") == "result"]
    await bus.purge(subjects.JOURNALS, FILLERS["JOURNALS"])
    async with asyncio.timeout(60):
        while True:
            done = {e.get("id") for e in alice.heard if e.get("type") == "result"}
            if len(done) + len(refused(alice)) == sent:
                break
            await asyncio.sleep(0.02)
    assert not done & set(refused(alice)) and done
    assert set(refused(alice).values()) == {"resource-constraint"}
    # What was answered is there, and nothing else.
    alice.send("<iq type='get' id='all'><query xmlns='jabber:iq:roster'/></iq>")
    roster = await alice.until("id=.all.")
    listed = {item.get("jid", "") for item in roster[0]}
    assert listed == {f"c{number}@localhost" for number in done}
    assert not alice.failures and not bob.failures


def probe(address: str, path: str) -> int:
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def memory_bytes(pid: int) -> int:
    return int(re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())[0]) * 1024


async def flood(raw: Raw) -> None:
    """As much as the socket takes."""
    body = "x" * 10_000
    stanza = f"<message to='bob@localhost/flood' type='chat'><body>{body}</body></message>".encode()
    while True:
        raw.send(stanza * 10)
        await raw.writer.drain()


async def test_without_nats(own: Stack, people: Any) -> None:
    alice, bob = await people("alice"), await people("bob")
    carol = await (await Raw.open(*own.endpoint("c2s"))).login("carol", PASSWORD, resource="flood")
    alice.send("<message to='bob@localhost/m' type='chat'><body>k0.</body></message>")
    await alice.acknowledge_all()
    acknowledged = alice.acknowledged
    [gateway], [nats] = own.pids("gateway"), own.pids("nats")
    ops = next(a for name, a in own.run_json()["endpoints"]["ops"].items() if name.startswith("gateway"))
    assert (probe(ops, "/readyz"), probe(ops, "/healthz")) == (200, 200)
    freeze(nats)
    try:
        for number in range(1, 20):
            alice.send(f"<message to='bob@localhost/m' type='chat'><body>k{number}.</body></message>")
            alice.ask()
        before = memory_bytes(gateway)
        flooding = asyncio.create_task(flood(carol))
        stranger = await Raw.open(*own.endpoint("c2s"))
        await stranger.features()
        # Whoever is asked for: nobody can be looked up.
        stranger.send(f"<auth xmlns='{SASL}' mechanism='PLAIN'>AG5vYm9keQBub3RoaW5n</auth>")
        await stranger.until("<failure[^>]*>.*<temporary-auth-failure")
        async with asyncio.timeout(60):
            while await asyncio.to_thread(probe, ops, "/readyz") != 503:
                await asyncio.sleep(0.1)
        assert await asyncio.to_thread(probe, ops, "/healthz") == 200
        # Its socket is not read: the flood stands, at what kernel and gateway hold.
        assert not flooding.done()
        grown = memory_bytes(gateway) - before
        assert grown < 32 * MIB, f"{grown >> 20} MiB"
        assert alice.acknowledged == acknowledged
        assert numbers(bob, r"k(\d+)\.") in ([], [0])
    finally:
        os.kill(nats, signal.SIGCONT)
    flooding.cancel()
    async with asyncio.timeout(60):
        while len(numbers(bob, r"k(\d+)\.")) < 20:
            await asyncio.sleep(0.02)
    assert numbers(bob, r"k(\d+)\.") == list(range(20))
    await alice.acknowledge_all()
    async with asyncio.timeout(60):
        while await asyncio.to_thread(probe, ops, "/readyz") != 200:
            await asyncio.sleep(0.1)
    carol.writer.transport.abort()
    assert not alice.failures and not bob.failures
