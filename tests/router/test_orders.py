"""Commands that take a moment: in order for each user, answered once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from natter.bus.api import Unavailable
from natter.bus.blocklists import Blocklists
from natter.bus.memory import MemoryBus
from natter.bus.subjects import bucket_spec
from natter.proto.v1.bus_pb2 import Frame
from natter.router.orders import ORDERS_MAX, Orders

NS = "urn:xmpp:blocking"
ALICE = "alice@example.com"


def command(name: str, type: str, inside: str = "") -> Frame:
    stanza = f"<iq type='{type}' id='1'><{name} xmlns='{NS}'>{inside}</{name}></iq>".encode()
    return Frame(type=type, payload=f"{{{NS}}}{name}", sender=f"{ALICE}/phone", session="s", id="1", stanza=stanza)


async def made(people: Any) -> Orders:
    bus = MemoryBus()
    await bus.ensure_stream(bucket_spec("blocklists"))
    return Orders(Blocklists(bus), people)


async def ask(orders: Orders, *commands: Frame) -> list[list[tuple[str, Frame]]]:
    """What followed, in order."""
    found: list[list[tuple[str, Frame]]] = []
    arrived = asyncio.Event()

    def done(frames: list[tuple[str, Frame]]) -> None:
        found.append(frames)
        arrived.set()

    for one in commands:
        orders.take(one, "g1", done)
    async with asyncio.timeout(30):
        while len(found) < len(commands):
            arrived.clear()
            await arrived.wait()
    return found


async def test_in_order(people: Any) -> None:
    orders = await made(people)
    block = [command("block", "set", f"<item jid='{n}@h'/>") for n in range(5)]
    *_, ((gateway, listing),) = await ask(orders, *block, command("blocklist", "get"))
    assert gateway == "g1" and listing.stanza.count(b"<item") == 5
    ((_, error),) = (await ask(orders, command("block", "set")))[0]
    assert error.type == "error" and b"bad-request" in error.stanza
    await asyncio.sleep(0)
    assert not orders._last and not orders._count


async def test_every_session_that_has_asked_hears_of_it(people: Any) -> None:
    orders = await made(people)
    session = people.add(f"{ALICE}/desk", gateway="g2")
    people._bares[ALICE]["desk"] = replace(session, blocklist=True)
    (follows,) = await ask(orders, command("block", "set", "<item jid='b@h'/>"))
    assert [(gateway, frame.type, list(frame.sessions)) for gateway, frame in follows] == [
        ("g1", "result", ["s"]),
        ("g2", "set", ["s-desk"]),
    ]


async def test_a_bus_that_is_away_and_too_much_at_once(people: Any) -> None:
    orders = await made(people)

    async def away(*_: object) -> frozenset[str]:
        raise Unavailable("away")

    orders.blocklists.change = away  # type: ignore[method-assign]
    ((_, error),) = (await ask(orders, command("unblock", "set")))[0]
    assert b"internal-server-error" in error.stanza
    orders._count = ORDERS_MAX
    ((_, error),) = (await ask(orders, command("unblock", "set")))[0]
    assert b"resource-constraint" in error.stanza
