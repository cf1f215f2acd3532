"""Where is my message? Every way out of a running system, and what an operator is told of it."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from managed import Managed
from person import PASSWORD
from raw import Raw, register_many
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

BODY = "canary-where-51f0"
DEN = "den@conference.localhost"
SECONDS_MAX = 40.0
FLAGS = ("--gateways", "2", "--open-registration", "--allow-plaintext")
FEW = ("--set", "archive.offline_max=2", "--set", "muc.messages_per_10_seconds_max=8", "--set", "muc.invites_max=1")
# More than a room takes of one at once.
HASTY = 30


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data: Path = tmp_path_factory.mktemp("where")
    running = Stack(data, *FLAGS, *FEW).start()
    try:
        asyncio.run(register_many(*running.endpoint("c2s"), None, ["alice", "bob", "carol", "dora"], PASSWORD))
        yield running
    finally:
        assert running.stop() == 0, running.output()


def asked(stack: Stack, id: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
    host, port = stack.endpoint("admin")
    token = token or (stack.data / "admin.token").read_text()
    request = urllib.request.Request(f"http://{host}:{port}/where/{id}", headers={"authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
            assert BODY not in text
            return answer.status, json.loads(text)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


async def told(stack: Stack, id: str, *, event: str = "", count: int = 1) -> dict[str, Any]:
    """What has become of a message when it has an end, and this event so many times."""
    found: dict[str, Any] = {}
    try:
        async with asyncio.timeout(SECONDS_MAX):
            while True:
                status, answer = await asyncio.to_thread(asked, stack, id)
                if status == 200:
                    [found] = answer["messages"]
                    happened = [each["event"] for each in found["timeline"]]
                    if found["end"] not in ("pending", "unknown") and (not event or happened.count(event) >= count):
                        return found
                await asyncio.sleep(0.2)
    except TimeoutError:
        raise AssertionError(f"{id}: {found}") from None


async def login(stack: Stack, jid: str, *, presence: bool = True) -> Raw:
    name, _, resource = jid.partition("/")
    raw = await Raw.open(*stack.endpoint("c2s"))
    return await raw.login(name, PASSWORD, resource=resource, presence=presence)


def message(id: str, to: str, type: str = "chat", inside: str = f"<body>{BODY}</body>") -> str:
    origin = f"<origin-id xmlns='urn:xmpp:sid:0' id='origin-{id}'/>"
    return f"<message to='{to}' type='{type}' id='{id}'>{inside}{origin}</message>"


async def test_every_end(own: Stack) -> None:
    alice, bob = await login(own, "alice/a"), await login(own, "bob/b")
    bob.send("<iq type='set' id='block'><block xmlns='urn:xmpp:blocking'><item jid='dora@localhost'/></block></iq>")
    await bob.until("id='block'")
    dora = await login(own, "dora/d")
    chat_state = "<composing xmlns='http://jabber.org/protocol/chatstates'/>"
    says: dict[str, tuple[Raw, str, str, str, str, str]] = {
        # id: who, to, type, content, end, why
        "full": (alice, bob.jid, "chat", "", "delivered", ""),
        "bare": (alice, "bob@localhost", "normal", "", "delivered", ""),
        "self": (alice, "alice@localhost", "chat", "", "delivered", ""),
        "waits": (alice, "carol@localhost", "chat", "", "stored", ""),
        "waits2": (alice, "carol@localhost", "chat", "", "stored", ""),
        "offline-full": (alice, "carol@localhost", "chat", "", "bounced", "service-unavailable"),
        "no-account": (alice, "nobody@localhost", "chat", "", "bounced", "service-unavailable"),
        "no-session": (alice, "bob@localhost/gone", "normal", "", "bounced", "service-unavailable"),
        "groupchat": (alice, "bob@localhost", "groupchat", "", "bounced", "service-unavailable"),
        "remote": (alice, "x@remote.example", "chat", "", "bounced", "remote-server-not-found"),
        "host": (alice, "localhost", "chat", "", "bounced", "service-unavailable"),
        "headline": (alice, "carol@localhost", "headline", "", "dropped", "headline"),
        "error": (alice, "carol@localhost", "error", "", "dropped", "error"),
        "passing": (alice, "carol@localhost", "chat", chat_state, "dropped", "passing"),
        "blocked": (dora, "bob@localhost", "headline", "", "dropped", "blocked"),
        "blocked-chat": (dora, "bob@localhost", "chat", "", "bounced", "service-unavailable"),
        "blocker": (bob, "dora@localhost", "chat", "", "bounced", "not-acceptable"),
        "no-room": (alice, DEN, "groupchat", "", "bounced", "item-not-found"),
        "room-host": (alice, "conference.localhost", "headline", "", "dropped", "room"),
    }
    for id, (who, to, type, inside, _, _) in says.items():
        who.send(message(id, to, type, *([inside] if inside else [])))
    for id, (_, _, _, _, end, why) in says.items():
        found = await told(own, f"origin-{id}")
        assert (found["end"], found["reason"] or "") == (end, why), (id, found)
        assert found["found_by"] == "origin-id" and found["id"] == id
        assert [each["event"] for each in found["timeline"]][:2] == ["accepted", "durable"]
    # Each id that it has leads to it: the archive's, too.
    full = await told(own, "full", event="archived")
    assert full["stanza_id"] == (await told(own, full["stanza_id"]))["stanza_id"]
    whom = {each["event"]: each["whom"] for each in full["timeline"]}
    assert whom["delivered"] == bob.jid
    archived = {each["whom"]: each["time"] for each in full["timeline"] if each["event"] == "archived"}
    assert archived.keys() == {"alice@localhost", "bob@localhost"} and all(archived.values())
    # What waited is handed over.
    carol = await login(own, "carol/c", presence=False)
    carol.send("<presence/>")
    await carol.until("id='waits2'")
    assert (await told(own, "waits", event="delivered"))["end"] == "delivered"
    await asyncio.gather(*(person.close() for person in (alice, bob, dora, carol)))


async def test_a_room(own: Stack) -> None:
    alice, bob = await login(own, "alice/r"), await login(own, "bob/r")
    join = "<presence to='{}/{}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
    alice.send(join.format(DEN, "al"))
    await alice.until("code=.110.")
    instant = "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>"
    alice.send(f"<iq type='set' id='own' to='{DEN}'>{instant}</iq>")
    await alice.until("id='own'")
    bob.send(message("outside", DEN, "groupchat"))
    await bob.until("id='outside'")
    bob.send(join.format(DEN, "bo"))
    await bob.until("code=.110.")
    alice.send(message("everybody", DEN, "groupchat"))
    heard = (await bob.until("<message[^>]*id='everybody'.*?</message>")).group(0)
    alice.send(message("whisper", f"{DEN}/bo") + message("nick", f"{DEN}/nobody"))
    await bob.until("id='whisper'")
    invites = "".join(f"<invite to='{name}@localhost'/>" for name in ("carol", "dora"))
    alice.send(message("crowd", DEN, "normal", f"<x xmlns='http://jabber.org/protocol/muc#user'>{invites}</x>"))
    await alice.until("id='crowd'.*?</message>")
    # In one write: the room gets them in one moment.
    alice.send("".join(message(f"hasty{n}", DEN, "groupchat") for n in range(HASTY)))
    await alice.until(f"<message[^>]*id='hasty{HASTY - 1}'.*?</message>")
    last = f"hasty{HASTY - 1}"
    ends = {id: await told(own, id) for id in ("outside", "whisper", "nick", "crowd", last)}
    # Each occupant's gateway tells for itself.
    ends["everybody"] = await told(own, "everybody", event="delivered", count=2)
    assert {id: (found["end"], found["reason"]) for id, found in ends.items()} == {
        "outside": ("bounced", "not-acceptable"),
        "everybody": ("delivered", None),
        "whisper": ("delivered", None),
        "nick": ("bounced", "item-not-found"),
        # What a room does not allow, and what comes faster than it may.
        "crowd": ("bounced", "policy-violation"),
        last: ("bounced", "policy-violation"),
    }
    got = {each["whom"] for each in ends["everybody"]["timeline"] if each["event"] == "delivered"}
    assert got == {alice.jid, bob.jid}
    # The id that the room has given it leads to what alice said.
    by_room = heard.partition("<stanza-id")[2].partition(" id='")[2].partition("'")[0]
    assert (await told(own, by_room))["from"] == alice.jid
    await blocked_in_a_room(own, alice, bob)
    await asyncio.gather(alice.close(), bob.close())


async def blocked_in_a_room(own: Stack, alice: Raw, bob: Raw) -> None:
    """XEP-0191 §3.3: who has blocked her hears nothing of her as an occupant either."""
    item = "<item jid='alice@localhost'/>"
    bob.send(f"<iq type='set' id='b1'><block xmlns='urn:xmpp:blocking'>{item}</block></iq>")
    await bob.until("id='b1'")
    reasons: list[str | None] = []
    async with asyncio.timeout(SECONDS_MAX):
        # Rooms hear of it a moment later; and she is not to be too fast.
        while "recipient-unavailable" not in reasons:
            alice.send(message(f"behind{len(reasons)}", f"{DEN}/bo"))
            reasons.append((await told(own, f"behind{len(reasons)}"))["reason"])
    bob.send(f"<iq type='set' id='b2'><unblock xmlns='urn:xmpp:blocking'>{item}</unblock></iq>")
    await bob.until("id='b2'")
    assert f"id='behind{len(reasons) - 1}'" not in bob.text + "".join(bob.seen)


async def test_what_a_client_has_acknowledged_and_what_it_left(own: Stack) -> None:
    alice = await login(own, "alice/m")
    bob = Managed(*own.endpoint("c2s"), "bob", PASSWORD)
    await bob.start(presence=True)
    alice.send(message("acknowledged", bob.jid))
    found = await told(own, "acknowledged", event="acknowledged")
    assert found["end"] == "delivered"
    await bob.stop()
    # Away for good, and nobody else: it comes back, and waits.
    gone = await login(own, "dora/gone")
    jid = gone.jid
    gone.writer.transport.abort()
    alice.send(message("late", jid))
    late = await told(own, "late")
    assert late["end"] in ("stored", "delivered"), late
    own.cli("user", "remove", "dora")
    if late["end"] == "stored":
        assert (await told(own, "late", event="dropped"))["reason"] == "account-removed"
    await alice.close()


def test_the_command(own: Stack) -> None:
    done = own.cli("where", "origin-full")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "chat message from alice@localhost/a to bob@localhost/b: delivered"
    assert BODY not in done.stdout
    as_json = json.loads(own.cli("where", "full", "--json").stdout)
    assert as_json[0]["timeline"][0]["after_ms"] == 0


def test_an_id_that_nobody_knows(own: Stack) -> None:
    missing = own.cli("where", "no such message")
    assert missing.returncode == 1 and "no message has this id" in missing.stderr


def test_nobody_else(own: Stack) -> None:
    assert asked(own, "full", "wrong")[0] == 401
    status, answer = asked(own, "nothing")
    assert status == 404 and "LANES since" in answer["detail"]
    # On the listeners that others can reach there is nothing of it.
    host, port = own.endpoint("http")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"http://{host}:{port}/where/full", timeout=10)
    assert refused.value.code == 404
