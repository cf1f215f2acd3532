"""Services of the former version and of this one, side by side; then each in the other's place, as in an upgrade."""

from __future__ import annotations

import asyncio
from pathlib import Path

import former
import pytest
from cluster import Cluster, free_port
from managed import Managed
from raw import register_many

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]

ROOM = "den@conference.localhost"
# Who is of the former version at first. The others, and the other gateway, are of this one.
FORMER = ("gateway-1", "muc-1", "archive-1")
ALL = ("accounts-1", "archive-1", "gateway-1", "gateway-2", "muc-1", "presence-1", "router-1")


class Mixed:
    """A cluster in which each process is of one of two versions."""

    def __init__(self, folder: Path) -> None:
        commit = former.commit()
        self.path = former.unpack(commit, folder / "former")
        self.cluster = Cluster(
            folder,
            settings={
                "telemetry__sample_ratio": "1",
                "telemetry__otlp_endpoint": "",
                "server__allow_plaintext": "true",
                "server__open_registration": "true",
                "server__rate_limits": "false",
            },
        )
        self.ports = {1: free_port(), 2: free_port()}
        print(f"the former version: {commit}")

    def start(self, names: tuple[str, ...], former: tuple[str, ...]) -> None:
        """Start all of `names`, those in `former` with that version's code; wait until they serve."""
        for name in names:
            service, _, number = name.partition("-")
            settings = {"gateway__c2s": f"127.0.0.1:{self.ports[int(number)]}"} if service == "gateway" else {}
            path = self.path if name in former else ""
            (self.cluster.folder / name / "notice.json").unlink(missing_ok=True)
            self.cluster.run(service, int(number), python_path=path, **settings)
        self.cluster.ready(*names)

    def swap(self) -> None:
        """Every process is replaced by one of the other version."""
        stopped = self.cluster.stop(*ALL)
        assert stopped == dict.fromkeys(ALL, 0)
        self.start(ALL, tuple(name for name in ALL if name not in FORMER))


async def talk(people: list[Managed], word: str) -> None:
    """Each hears the other: directly, and in the room."""
    for a, b in (people, people[::-1]):
        a.send(f"<message to='{b.jid}' type='chat' id='{word}'><body>{word} from {a.user}</body></message>")
        a.send(f"<message to='{b.user}@localhost' type='chat'><body>{word} to the account</body></message>")
        a.send(f"<message to='{ROOM}' type='groupchat'><body>{word} in the room by {a.user}</body></message>")
        await b.until(f"{word} from {a.user}<")
        await b.until(f"{word} to the account<")
        for person in people:
            await person.until(f"{word} in the room by {a.user}<")
        await a.acknowledge_all()


async def enter(person: Managed, nick: str) -> None:
    person.send(f"<presence to='{ROOM}/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
    await person.until("subject")


async def archived(person: Managed) -> int:
    """How many messages its archive has."""
    person.send("<iq type='set' id='mam'><query xmlns='urn:xmpp:mam:2'/></iq>")
    await person.until(":fin ")
    return sum(child.tag == "{urn:xmpp:mam:2}result" for heard in person.heard for child in heard)


async def test_two_versions_work_together_and_in_each_others_place(tmp_path: Path) -> None:
    mixed = Mixed(tmp_path)
    mixed.cluster.start_nats()
    try:
        mixed.start(ALL, FORMER)
        await scenario(mixed)
    finally:
        mixed.cluster.close()


async def scenario(mixed: Mixed) -> None:
    await register_many("127.0.0.1", mixed.ports[1], None, ["alice"], "pw")
    await register_many("127.0.0.1", mixed.ports[2], None, ["bob"], "pw")
    people = [
        await Managed("127.0.0.1", mixed.ports[number], name, "pw").start(presence=True)
        for number, name in ((1, "alice"), (2, "bob"))
    ]
    alice, bob = people
    alice.send("<presence to='bob@localhost' type='subscribe'/>")
    await bob.until("subscribe")
    bob.send("<presence to='alice@localhost' type='subscribed'/>")
    await alice.until(f"from=.{bob.jid}")
    await enter(alice, "alice")
    alice.send(
        f"<iq type='set' id='make' to='{ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'>"
        "<x xmlns='jabber:x:data' type='submit'/></query></iq>"
    )
    await alice.until("id=.make.")
    await enter(bob, "bob")
    await talk(people, "before")
    await asyncio.to_thread(mixed.swap)
    # Nobody has to log in or enter again: the other version goes on with sessions, rosters, room and archive.
    await talk(people, "after")
    assert [p.resumed for p in people] == [1, 1]
    bob.send("<presence><show>away</show></presence>")
    await alice.until("away")
    for person in people:
        assert await archived(person) == 8
        assert person.failures == []
        await person.stop()
