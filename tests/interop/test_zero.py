"""Profile zero: nothing that anybody said is on any disk, and nothing is offered that would need it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw import Raw
from stack import Stack

PASSWORD = "correct horse"
# In every place where a client may put words.
WORDS = ("body", "subject", "file", "status", "offline", "thread", "iq")


def canary(word: str) -> str:
    return f"CANARY-{word}-9f3c"


@pytest.fixture(scope="module")
def zero(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    flags = ("--profile", "zero", "--gateways", "1", "--allow-plaintext", "--open-registration", "--no-rate-limits")
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
        for word in WORDS
        if canary(word).encode() in path.read_bytes()
    ]


async def test_nothing_is_kept(zero: Stack) -> None:
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
    # The search is one that finds: the rosters' owner is there.
    assert any(b"alice" in path.read_bytes() for path in zero.data.rglob("*.blk"))
