"""XEP-0441: asked and changed by a client, obeyed for what is said from then on."""

from __future__ import annotations

from archiveworld import ALICE, BOB, World
from natter.bus import subjects
from natter.bus.snapshot import Snapshots
from natter.proto.v1 import roster_pb2
from natter.storage.archive import Filter
from natter.xmpp.xeps.mam_preferences import Preferences

PREFS = "{urn:xmpp:mam:2}prefs"
ME = f"{ALICE}/a"


async def ask(world: World, inside: str = "", default: str = "", type: str = "set") -> bytes:
    said = f" default='{default}'" if default else ""
    await world.take(world.iq(PREFS, f"<prefs xmlns='urn:xmpp:mam:2'{said}>{inside}</prefs>", type=type))
    return (await world.delivered())[-1].stanza


async def peers(world: World) -> list[str]:
    return [m.peer for m in (await world.archive.page(Filter(ALICE), 100)).messages]


async def test_from_the_answer_on(world: World) -> None:
    await world.bind(ME)
    assert b'default="always"' in await ask(world, type="get")
    answer = await ask(world, f"<never><jid>{BOB}</jid></never>", "always")
    assert f"<never><jid>{BOB}</jid></never>".encode() in answer
    await world.take(world.message("1"), world.message("2", to="carol@localhost"))
    assert await peers(world) == ["carol@localhost"]
    # What bob wants is his affair.
    assert await world.archive.count(Filter(BOB)) == 1
    assert b"bad-request" in await ask(world, default="sometimes")
    # Whoever holds the shard next knows it too.
    await world.close()
    await world.open()
    assert BOB.encode() in await ask(world, type="get")


async def test_only_who_is_in_the_roster(world: World) -> None:
    await world.bind(ME)
    contacts = [roster_pb2.ContactChanged(jid=BOB, listed=True), roster_pb2.ContactChanged(jid="asks@h")]
    snapshot = roster_pb2.RosterSnapshot(revision=1, contacts=contacts).SerializeToString()
    await Snapshots(world.bus).put("roster", ALICE, 1, snapshot)
    events = roster_pb2.RosterEvents(
        events=[
            roster_pb2.RosterEvent(changed=roster_pb2.ContactChanged(jid="carol@localhost", listed=True)),
            roster_pb2.RosterEvent(changed=roster_pb2.ContactChanged(jid="dave@localhost", listed=True)),
            roster_pb2.RosterEvent(removed=roster_pb2.ContactRemoved(jid="dave@localhost")),
        ]
    )
    await world.bus.publish(subjects.journal("roster", ALICE), events.SerializeToString())
    await ask(world, default="roster")
    others = (BOB, "asks@h", "carol@localhost", "dave@localhost")
    await world.take(*(world.message("x", to=other) for other in others))
    assert await peers(world) == [BOB, "carol@localhost"]


async def test_what_is_not_archived_is_handed_over_also_to_who_has_read_the_archive(world: World) -> None:
    await world.bind(f"{BOB}/b", available=False)
    await world.tools.wishes.change(BOB, Preferences("never"))
    await world.take(world.message("1", offline=BOB))
    (waits,) = await world.archive.hand(BOB, "x", 10)
    assert not waits.archived
