"""Three people in a room."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime

import pytest
from person import Login, instant, join
from slixmpp.exceptions import PresenceError
from stack import Stack

pytestmark = pytest.mark.stack


@pytest.fixture
def room() -> str:
    return f"r{secrets.token_hex(4)}@conference.localhost"


async def test_three_people_talk(login: Login, room: str) -> None:
    alice, bob, carol = [await login(f"{n}@localhost/{n}") for n in ("alice", "bob", "carol")]
    await instant(alice, room, "Alice")
    await join(bob, room, "Bob")
    await join(carol, room, "Carol")
    assert set(carol.plugin["xep_0045"].get_roster(room)) == {"Alice", "Bob", "Carol"}
    bob.send_message(room, "hello all", mtype="groupchat")
    for person in (alice, bob, carol):
        heard = await person.says(f"{room}/Bob", "hello all")
        assert heard["type"] == "groupchat"

    alice.plugin["xep_0045"].set_subject(room, "Weather")
    for person in (alice, bob, carol):
        await person.expect(
            "the subject", lambda e, s: e in ("groupchat_subject", "message") and s["subject"] == "Weather"
        )

    carol.send_message(f"{room}/Bob", "psst", mtype="chat")
    whisper = await bob.says(f"{room}/Carol", "psst")
    assert whisper["type"] == "chat"
    assert not [s for e, s in alice.heard if e == "message" and s["body"] == "psst"]


async def test_a_nickname_in_use_is_refused_and_one_can_be_changed(login: Login, room: str) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    await instant(alice, room, "Alice")
    with pytest.raises(PresenceError) as refused:
        await join(bob, room, "Alice")
    assert refused.value.presence["error"]["condition"] == "conflict"
    await join(bob, room, "Bob")
    bob.send_presence(pto=f"{room}/Robert")
    gone = await alice.sees(f"{room}/Bob", "unavailable")
    assert 303 in gone["muc"]["status_codes"]
    await alice.sees(f"{room}/Robert", "available")


async def test_history_and_subject_on_joining(login: Login, room: str) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    await instant(alice, room, "Alice")
    for i in range(3):
        alice.send_message(room, f"before {i}", mtype="groupchat")
        await alice.says(f"{room}/Alice", f"before {i}")
    alice.plugin["xep_0045"].set_subject(room, "Old times")
    await alice.expect("the subject", lambda e, s: s["subject"] == "Old times")
    await join(bob, room, "Bob")
    for i in range(3):
        old = await bob.says(f"{room}/Alice", f"before {i}")
        assert old.xml.find("{urn:xmpp:delay}delay") is not None
    await bob.expect("the subject", lambda e, s: s["subject"] == "Old times")


async def test_kick_and_ban(login: Login, room: str) -> None:
    alice, bob, carol = [await login(f"{n}@localhost/{n}") for n in ("alice", "bob", "carol")]
    await instant(alice, room, "Alice")
    await join(bob, room, "Bob")
    await join(carol, room, "Carol")
    await alice.plugin["xep_0045"].set_role(room, "Bob", "none", reason="enough")
    kicked = await bob.sees(f"{room}/Bob", "unavailable")
    assert 307 in kicked["muc"]["status_codes"]
    assert 307 in (await carol.sees(f"{room}/Bob", "unavailable"))["muc"]["status_codes"]
    bob.send_message(room, "still here?", mtype="groupchat")
    error = await bob.expect("an error", lambda e, s: s["type"] == "error")
    assert error["error"]["condition"] == "not-acceptable"
    await join(bob, room, "Bob")

    await alice.plugin["xep_0045"].set_affiliation(room, "outcast", jid="bob@localhost", reason="really")
    banned = await bob.sees(f"{room}/Bob", "unavailable")
    assert 301 in banned["muc"]["status_codes"]
    with pytest.raises(PresenceError) as refused:
        await join(bob, room, "Bob")
    assert refused.value.presence["error"]["condition"] == "forbidden"


async def test_an_occupant_who_disconnects_leaves(login: Login, room: str) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    await instant(alice, room, "Alice")
    await join(bob, room, "Bob")
    bob.abort()
    await alice.sees(f"{room}/Bob", "unavailable")


async def test_the_owner_configures_and_the_form_is_kept(login: Login, room: str) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    await instant(alice, room, "Alice")
    form = await alice.plugin["xep_0045"].get_room_config(room)
    form["type"] = "submit"
    form["values"] = {**form["values"], "muc#roomconfig_roomname": "Den", "muc#roomconfig_membersonly": True}
    await alice.plugin["xep_0045"].set_room_config(room, form)
    info = await alice.plugin["xep_0030"].get_info(room)
    assert "muc_membersonly" in info["disco_info"]["features"]
    assert "Den" in {i[3] for i in info["disco_info"]["identities"]}
    with pytest.raises(PresenceError) as refused:
        await join(bob, room, "Bob")
    assert refused.value.presence["error"]["condition"] == "registration-required"


async def test_the_operator_looks_at_rooms_and_ends_one(login: Login, room: str, stack: Stack) -> None:
    alice, bob = await login("alice@localhost/a"), await login("bob@localhost/b")
    await instant(alice, room, "Alice")
    await join(bob, room, "Bob")
    then = datetime.now(UTC).isoformat()

    async def natter(*words: str) -> str:
        done = await asyncio.to_thread(stack.cli, "room", *words)
        assert done.returncode == 0, done.stderr
        return done.stdout

    bob.send_presence(pto=f"{room}/Bob", ptype="unavailable")
    await alice.sees(f"{room}/Bob", "unavailable")
    assert "Bob" not in await natter("show", room)
    assert "bob@localhost/b" in await natter("at", room.partition("@")[0], then)
    assert room in await natter("list")
    assert await natter("members", room) == "alice@localhost\towner\n"
    await natter("affiliate", room, "bob@localhost", "admin")
    assert await natter("members", room) == "alice@localhost\towner\nbob@localhost\tadmin\n"
    await natter("destroy", room, "--reason", "enough")
    await alice.sees(f"{room}/Alice", "unavailable")
    assert room not in await natter("list")
