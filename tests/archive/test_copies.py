"""Carbons of the error for a message that cannot wait."""

from __future__ import annotations

from archiveworld import ALICE, World
from natter.archive import replies
from natter.archive.copies import of_error
from natter.storage.database import Database
from natter.xmpp.element import parse
from natter.xmpp.traits import Trait


async def test_the_other_clients_of_the_sender_hear_of_it(database: Database) -> None:
    world = World(database, offline_max=1)
    await world.start()
    for resource, carbons in (("a", True), ("b", True), ("c", False)):
        await world.bind(f"{ALICE}/{resource}", carbons=carbons)
    await world.take(world.message("nobody is there", to="nobody@localhost", offline="nobody@localhost"))
    delivered = await world.delivered()
    assert [(frame.to, list(frame.sessions)) for frame in delivered] == [
        (f"{ALICE}/a", [f"s:{ALICE}/a"]),
        (f"{ALICE}/b", [f"s:{ALICE}/b"]),
    ]
    error, copy = delivered
    inner = parse(copy.stanza).find(
        "{urn:xmpp:carbons:2}received/{urn:xmpp:forward:0}forwarded/{jabber:client}message/{jabber:client}error"
    )
    assert copy.type == "error" and inner is not None and inner[0].tag.endswith("}service-unavailable")
    assert b"carbons" not in error.stanza
    await world.close()


async def test_not_of_what_was_not_copied(database: Database) -> None:
    world = World(database)
    await world.start()
    await world.bind(f"{ALICE}/b", carbons=True)
    for fields in ({"traits": int(Trait.BODY | Trait.PRIVATE)}, {"type": "groupchat"}, {"type": "normal", "traits": 0}):
        refused = world.message("x", **fields)
        error = replies.error(refused, "service-unavailable")
        assert list(of_error(refused, error, world.directory)) == []
    await world.close()
