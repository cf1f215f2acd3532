"""Profile zero: nothing that anybody said is on any disk, and nothing is offered that would need it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from collector import Collector, collecting
from natter.storage import clickhouse
from raw import Raw
from stack import Stack

PASSWORD = "correct horse"
ROOM = "den@conference.localhost"
MUC = "http://jabber.org/protocol/muc"
# In every place where a client may put words; and where an occupant of a room may.
WORDS = ("body", "subject", "file", "status", "offline", "thread", "iq")
ROOM_WORDS = ("said", "topic", "whisper", "mood", "nick", "renamed", "kicked", "banned", "voice", "gone", "last")


def canary(word: str) -> str:
    return f"CANARY-{word}-9f3c"


@pytest.fixture(scope="module")
def seen() -> Iterator[Collector]:
    """What is told of stanzas: every one is sampled."""
    with collecting() as found:
        yield found


@pytest.fixture(scope="module")
def zero(tmp_path_factory: pytest.TempPathFactory, seen: Collector) -> Iterator[Stack]:
    flags = ["--profile", "zero", "--gateways", "1", "--allow-plaintext", "--open-registration", "--no-rate-limits"]
    for setting in (f"telemetry.otlp_endpoint={seen.url}", "telemetry.sample_ratio=1", "muc.snapshot_events=10"):
        flags += ["--set", setting]
    running = Stack(tmp_path_factory.mktemp("zero") / "data", *flags).start()
    for name in ("alice", "bob", "carol"):
        running.add_user(name, PASSWORD)
    yield running
    running.stop()


def found(data: Path) -> list[str]:
    """Files that have a canary in them."""
    return [
        f"{path.relative_to(data)}: {word}"
        for path in data.rglob("*")
        if path.is_file() and not path.is_symlink()
        for word in (*WORDS, *ROOM_WORDS)
        if canary(word).encode() in path.read_bytes()
    ]


async def enter(person: Raw, nick: str, inside: str = "") -> str:
    """Into the room; what comes behind one's own presence, up to the subject."""
    person.send(f"<presence to='{ROOM}/{nick}'>{inside}<x xmlns='{MUC}'/></presence>")
    own = f"<presence[^>]*from='{ROOM}/{nick}'[^>]*>(?:(?!</presence>).)*code='110'"
    return (await person.until(f"{own}.*?<subject.*?</message>")).group(0)


async def admin(person: Raw, item: str) -> None:
    """A verb of the room's admin."""
    person.send(f"<iq type='set' id='v' to='{ROOM}'><query xmlns='{MUC}#admin'>{item}</query></iq>")
    await person.until("<iq[^>]*id='v'[^>]*/>")


async def test_nothing_that_is_said_or_done_in_a_room_is_kept_but_its_settings(zero: Stack, seen: Collector) -> None:
    address = zero.endpoint("c2s")
    alice, bob, carol = [
        await (await Raw.open(*address)).login(name, PASSWORD, resource="r") for name in ("alice", "bob", "carol")
    ]
    await enter(alice, "Alice")
    alice.send(
        f"<iq type='set' id='o' to='{ROOM}'><query xmlns='{MUC}#owner'><x xmlns='jabber:x:data' type='submit'>"
        "<field var='muc#roomconfig_persistentroom'><value>1</value></field>"
        "<field var='muc#roomconfig_roomname'><value>The den</value></field></x></query></iq>"
    )
    await alice.until("<iq[^>]*id='o'[^>]*/>")
    await enter(bob, canary("nick"), f"<status>{canary('mood')}</status>")
    await enter(carol, "Carol")
    bob.send(f"<presence to='{ROOM}/{canary('renamed')}'><status>{canary('mood')}</status></presence>")
    await carol.until(f"<presence[^>]*from='[^']*/{canary('renamed')}'.*?{canary('mood')}.*?</presence>")
    bob.send(f"<message to='{ROOM}' type='groupchat' id='1'><body>{canary('said')}</body></message>")
    await carol.until(canary("said"))
    alice.send(f"<message to='{ROOM}' type='groupchat' id='2'><subject>{canary('topic')}</subject></message>")
    await carol.until(canary("topic"))
    alice.send(f"<message to='{ROOM}/Carol' type='chat' id='3'><body>{canary('whisper')}</body></message>")
    await carol.until(canary("whisper"))
    # Whoever takes the room over finds everybody in it.
    zero.wait_replaced("muc", zero.kill("muc"))
    bob.send(f"<message to='{ROOM}' type='groupchat' id='4'><body>{canary('said')}</body></message>")
    await carol.until(f"<message[^>]*from='[^']*/{canary('renamed')}'.*?{canary('said')}", seconds=30.0)
    why = f"<reason>{canary('banned')}</reason>"
    await admin(alice, f"<item affiliation='outcast' jid='mallory@localhost'>{why}</item>")
    await admin(alice, f"<item nick='Carol' role='visitor'><reason>{canary('voice')}</reason></item>")
    await carol.until(canary("voice"))
    await admin(alice, f"<item nick='Carol' role='none'><reason>{canary('kicked')}</reason></item>")
    await carol.until(canary("kicked"))
    # While they are in, and after many events.
    for _ in range(20):
        bob.send(f"<presence to='{ROOM}/{canary('renamed')}'><status>{canary('mood')}</status></presence>")
    await alice.until(f"(?:<status>{canary('mood')}.*?){{20}}")
    assert [file for file in found(zero.data) if file.partition(": ")[2] in ROOM_WORDS] == []
    bob.send(
        f"<presence to='{ROOM}/{canary('renamed')}' type='unavailable'><status>{canary('gone')}</status></presence>"
    )
    await alice.until(canary("gone"))
    alice.send(f"<presence type='unavailable'><status>{canary('last')}</status></presence>")
    # Nobody repeats what was said.
    assert canary("said") not in await enter(bob, "Bob")
    bob.send(f"<iq type='set' id='m' to='{ROOM}'><query xmlns='urn:xmpp:mam:2'/></iq>")
    assert "service-unavailable" in (await bob.until("<iq[^>]*id='m'.*?</iq>")).group(0)
    for person in (alice, bob, carol):
        await person.close()
    told_of = b"".join(trace.SerializeToString() for trace in seen.traces)
    assert ROOM.encode() in told_of
    # A nickname is a part of an address (`telemetry.identifiers`); everything else is words.
    assert [word for word in ROOM_WORDS if word not in ("nick", "renamed") and canary(word).encode() in told_of] == []


async def test_nothing_is_kept(zero: Stack, seen: Collector) -> None:
    assert not zero.pids("archive")
    address = zero.endpoint("c2s")
    alice, bob = await Raw.open(*address), await Raw.open(*address)
    await alice.login("alice", PASSWORD, resource="a")
    await bob.login("bob", PASSWORD, resource="b")
    alice.send("<iq type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    alice.send("<iq type='get' id='e' to='localhost'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    alice.send("<iq type='set' id='m'><query xmlns='urn:xmpp:mam:2'/></iq>")
    offered = (await alice.until(".*id=.d.*?</iq>")).group(0) + (await alice.until(".*id=.e.*?</iq>")).group(0)
    assert "urn:xmpp:mam:2" not in offered and "msgoffline" not in offered
    assert "service-unavailable" in (await alice.until("<iq[^>]*id=.m.*?</iq>")).group(0)
    alice.send(f"<presence><status>{canary('status')}</status></presence>")
    alice.send(
        f"<message to='bob@localhost/b' type='chat' id='1'><subject>{canary('subject')}</subject>"
        f"<body>{canary('body')}</body><thread>{canary('thread')}</thread>"
        f"<x xmlns='jabber:x:oob'><url>https://localhost/{canary('file')}</url></x></message>"
    )
    heard = (await bob.until("<message.*?</message>")).group(0)
    assert all(canary(word) in heard for word in ("subject", "body", "thread", "file")) and "stanza-id" not in heard
    alice.send(f"<iq type='get' id='q' to='bob@localhost/b'><query xmlns='urn:x'>{canary('iq')}</query></iq>")
    await bob.until("<iq[^>]*id=.q.*?</iq>")
    # Nobody waits for carol: her correspondent is told.
    alice.send(f"<message to='carol@localhost' type='chat' id='2'><body>{canary('offline')}</body></message>")
    assert "service-unavailable" in (await alice.until("<message[^>]*id=.2.*?</message>")).group(0)
    # Where it is can be told all the same, and not what it was.
    where = await asyncio.to_thread(zero.cli, "where", "1")
    assert where.stdout.startswith("chat message from alice@localhost/a to bob@localhost/b: delivered")
    assert "CANARY" not in where.stdout
    await alice.close()
    await bob.close()
    # Everything is written by the time that everything has ended.
    assert await asyncio.to_thread(zero.stop) == 0
    assert found(zero.data) == []
    # Columns of ClickHouse are compressed: they are read, too. A nickname is a part of an address there, as in spans.
    said = [word for word in (*WORDS, *ROOM_WORDS) if word not in ("nick", "renamed")]
    rows = repr(await asyncio.to_thread(clickhouse.dump, zero.data))
    told_of = b"".join(trace.SerializeToString() for trace in seen.traces)
    assert "'kind': 'message'" in rows and b"natter" in told_of
    assert [word for word in said if canary(word) in rows or canary(word).encode() in told_of] == []
    # The search is one that finds: the rosters' owner is there, and what the room was configured to be.
    for known in (b"alice", b"The den"):
        assert any(known in path.read_bytes() for path in zero.data.rglob("*.blk"))


async def test_a_room_outlives_everything_with_its_settings(zero: Stack) -> None:
    (zero.data / "run.json").unlink(missing_ok=True)
    await asyncio.to_thread(zero.start)
    bob = await (await Raw.open(*zero.endpoint("c2s"))).login("bob", PASSWORD, resource="r")
    bob.send(f"<iq type='get' id='i' to='{ROOM}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")
    assert "The den" in (await bob.until("<iq[^>]*id='i'.*?</iq>")).group(0)
    bob.send(f"<presence to='{ROOM}/Bob'><x xmlns='{MUC}'/></presence>")
    told = (await bob.until(".*<subject/>")).group(0)
    # Nobody else, and no subject.
    assert re.findall(r"<presence[^>]*from='[^'/]*/([^']*)'", told) == ["Bob"]
    await bob.close()
    shown = await asyncio.to_thread(zero.cli, "room", "members", ROOM)
    assert re.search(r"mallory@localhost\W+outcast|outcast\W+mallory@localhost", shown.stdout), shown
    assert canary("banned") not in shown.stdout
