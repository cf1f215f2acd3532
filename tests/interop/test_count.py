"""Order and completeness: ten thousand numbered messages, undisturbed and with services killed under them."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import AsyncIterator

import pytest
from numbered import Pair, Verdict, exchange, pairs
from person import PASSWORD
from raw import Raw, register_many, tls
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

PAIRS = 20
MESSAGES = 500
NAMES = [f"counter{i}" for i in range(2 * PAIRS)]
CANARY = "canary-5f2d7b"


@pytest.fixture(scope="module")
def counters(stack: Stack) -> None:
    asyncio.run(register_many(*stack.endpoint("c2s_tls"), tls(stack.ca), NAMES, PASSWORD))


@pytest.fixture
async def those(stack: Stack, counters: None) -> AsyncIterator[list[Pair]]:
    found = await pairs(*stack.endpoint("c2s_tls"), tls(stack.ca), NAMES, PASSWORD)
    yield found
    await asyncio.gather(*(c.close() for p in found for c in (p.sender, p.receiver)))


async def test_ten_thousand_messages_through_two_gateways_and_two_routers(stack: Stack, those: list[Pair]) -> None:
    assert len(stack.pids("gateway")) == 2
    assert len(stack.pids("router")) == 2
    connections = [c for c in gateway_connections(stack) if c > 0]
    assert len(connections) == 2, "both gateways must have connections for this to say anything"
    verdict = await exchange(those, run="plain", count=MESSAGES, canary=CANARY)
    assert verdict == Verdict(PAIRS * MESSAGES, 0, 0, 0)


def gateway_connections(stack: Stack) -> list[float]:
    """Open connections of each gateway, from its own metrics."""
    found = []
    for instance, address in stack.run_json()["endpoints"]["ops"].items():
        if instance.startswith("gateway"):
            with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
                lines = answer.read().decode().splitlines()
            found.append(sum(float(x.rpartition(" ")[2]) for x in lines if x.startswith("xmpp_connections_active{")))
    return found


@pytest.mark.parametrize("service", ["router", "presence", "muc", "accounts"])
async def test_the_count_is_exact_though_a_service_is_killed(stack: Stack, those: list[Pair], service: str) -> None:
    exchanging = asyncio.create_task(exchange(those, run=f"kill{service}", count=MESSAGES, pause=0.004))
    for _ in range(2):
        await asyncio.sleep(0.7)  # Somewhere in the middle; the verdict does not depend on where.
        assert not exchanging.done()
        pid = stack.kill(service)
        await asyncio.to_thread(stack.wait_replaced, service, pid)
    assert await exchanging == Verdict(PAIRS * MESSAGES, 0, 0, 0)
    assert "starting it again" in stack.output()


async def test_a_room_misses_nothing_though_muc_is_killed(stack: Stack, those: list[Pair]) -> None:
    room = "counting@conference.localhost"
    members: list[Raw] = [those[i].sender for i in range(3)]
    for i, member in enumerate(members):
        member.send(f"<presence to='{room}/n{i}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
        await member.until("<subject")
        if i == 0:
            member.send(
                f"<iq type='set' id='instant' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
                "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
            )
            await member.until("<iq[^>]*instant")

    async def speak() -> None:
        for n in range(300):
            members[0].send(f"<message to='{room}' type='groupchat' id='{n}'><body>room-0-{n}-x</body></message>")
            await asyncio.sleep(0.01)

    async def listen(member: Raw) -> list[int]:
        heard = []
        while not heard or heard[-1] != 299:
            heard.append(int((await member.until(r"<body>room-0-(\d+)-x</body>", seconds=40)).group(1)))
        return heard

    speaking = asyncio.create_task(speak())
    listening = [asyncio.create_task(listen(m)) for m in members]
    await asyncio.sleep(0.8)
    pid = stack.kill("muc")
    await asyncio.to_thread(stack.wait_replaced, "muc", pid)
    await speaking
    assert await asyncio.gather(*listening) == [list(range(300))] * 3
