"""XEP-0013: what waits is counted, listed, looked at and removed, and does not come by itself."""

from __future__ import annotations

from archiveworld import ALICE, BOB, World
from natter.proto.v1.bus_pb2 import Frame
from natter.xmpp.element import parse
from natter.xmpp.xeps import disco
from natter.xmpp.xeps.flexible_offline import INFO, ITEMS, NS, OFFLINE

ME = f"{BOB}/b"


async def ask(world: World, payload: str, inside: str, type: str = "get") -> list[Frame]:
    """What was sent for a request of bob's."""
    before = len(await world.delivered())
    await world.take(world.iq(payload, inside, type=type, sender=ME))
    return (await world.delivered())[before:]


async def nodes(world: World) -> tuple[disco.Item, ...]:
    (answer,) = await ask(world, ITEMS, f"<query xmlns='{disco.NS_ITEMS}' node='{NS}'/>")
    return disco.parse_items(parse(answer.stanza)[0])


def request(inside: str) -> str:
    return f"<offline xmlns='{NS}'>{inside}</offline>"


async def test_one_by_one(world: World) -> None:
    await world.bind(ME, available=False)
    for text in ("1", "2", "3"):
        await world.take(world.message(text, offline=BOB))
    (number,) = await ask(world, INFO, f"<query xmlns='{disco.NS}' node='{NS}'/>")
    assert b"<value>3</value>" in number.stanza
    first, second, third = await nodes(world)
    assert {(item.jid, item.name) for item in (first, second, third)} == {(BOB, f"{ALICE}/a")}
    assert first.node < second.node < third.node
    said, done = await ask(world, OFFLINE, request(f"<item action='view' node='{second.node}'/>"))
    assert b"<body>2</body>" in said.stanza and second.node.encode() in said.stanza and done.type == "result"
    assert not said.session and list(said.sessions) == [f"s:{ME}"]
    # §2.4: what was looked at still waits; §2.5: until it is removed.
    await ask(world, OFFLINE, request(f"<item action='remove' node='{second.node}'/>"), "set")
    assert [item.node for item in await nodes(world)] == [first.node, third.node]
    *said, done = await ask(world, OFFLINE, request("<fetch/>"))
    assert [b"<body>1</body>" in frame.stanza for frame in said] == [True, False] and done.type == "result"
    await ask(world, OFFLINE, request("<purge/>"), "set")
    assert await nodes(world) == () and not world.handover.counts[BOB]
    assert await world.archive.counts() == {}


async def test_what_there_is_not_and_what_is_no_request(world: World) -> None:
    await world.bind(ME, available=False)
    (error,) = await ask(world, OFFLINE, request("<item action='view' node='x'/>"))
    assert b"item-not-found" in error.stanza
    (error,) = await ask(world, OFFLINE, request("<nothing/>"))
    assert b"bad-request" in error.stanza


async def test_who_was_blocked_is_not_in_it(world: World) -> None:
    await world.bind(ME, available=False)
    await world.take(world.message("1", offline=BOB))
    world.blocked = {(BOB, f"{ALICE}/a")}
    assert await nodes(world) == ()
    (done,) = await ask(world, OFFLINE, request("<fetch/>"))
    assert done.type == "result"


async def test_no_flood_for_who_has_asked(world: World) -> None:
    session = await world.bind(ME, available=False)
    await world.take(world.message("1", offline=BOB))
    await nodes(world)
    await world.directory.update(session, available=True)
    assert not world.handover._running and await world.archive.counts() == {BOB: 1}
    # Another device gets it as ever.
    await world.bind(f"{BOB}/other")
    assert world.handover._running
