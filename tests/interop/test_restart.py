"""A system of its own: what is still there after services, the bus and everything were stopped or killed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from person import Person, instant, join
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    running = Stack(tmp_path / "own", "--gateways", "1", "--routers", "1").start()
    try:
        for name in ("alice", "bob"):
            running.add_user(name, "pw")
        yield running
    finally:
        running.stop()


async def test_a_room_is_there_again_after_muc_was_killed(own: Stack) -> None:
    address = own.endpoint("c2s")
    alice = await Person("alice@localhost/a", "pw", own.ca).online(*address)
    bob = await Person("bob@localhost/b", "pw", own.ca).online(*address)
    room = "den@conference.localhost"
    await instant(alice, room, "Alice")
    form = await alice.plugin["xep_0045"].get_room_config(room)
    form["type"] = "submit"
    form["values"] = {**form["values"], "muc#roomconfig_persistentroom": True, "muc#roomconfig_roomname": "The Den"}
    await alice.plugin["xep_0045"].set_room_config(room, form)
    await alice.plugin["xep_0045"].set_affiliation(room, "admin", jid="bob@localhost")
    await join(bob, room, "Bob")
    alice.plugin["xep_0045"].set_subject(room, "Survival")
    await bob.expect("the subject", lambda e, s: s["subject"] == "Survival")
    alice.send_message(room, "remember this", mtype="groupchat")
    await bob.says(f"{room}/Alice", "remember this")

    pid = own.kill("muc")
    await asyncio.to_thread(own.wait_replaced, "muc", pid)

    # Nobody was kicked: both are still inside and hear each other.
    bob.send_message(room, "after the kill", mtype="groupchat")
    await alice.says(f"{room}/Bob", "after the kill")
    # Affiliations.
    admins = await alice.plugin["xep_0045"].get_affiliation_list(room, "admin")
    assert "bob@localhost" in {str(a) for a in admins}
    # Configuration.
    info = await alice.plugin["xep_0030"].get_info(room)
    assert {"muc_persistent"} <= set(info["disco_info"]["features"])
    assert "The Den" in {i[3] for i in info["disco_info"]["identities"]}
    # Subject and history.
    bob.plugin["xep_0045"].leave_muc(room, "Bob")
    await bob.sees(f"{room}/Bob", "unavailable")
    bob.heard.clear()
    await join(bob, room, "Bob")
    await bob.says(f"{room}/Alice", "remember this")
    await bob.expect("the subject", lambda e, s: s["subject"] == "Survival")

    # And everything at once: stopped and started on the same data.
    await alice.offline()
    await bob.offline()
    assert own.stop() == 0
    (own.data / "run.json").unlink(missing_ok=True)
    own.start()
    address = own.endpoint("c2s")
    bob = await Person("bob@localhost/b", "pw", own.ca).online(*address)
    await join(bob, room, "Bob")
    await bob.says(f"{room}/Alice", "remember this")
    await bob.expect("the subject", lambda e, s: s["subject"] == "Survival")
    await bob.offline()


async def test_chat_goes_on_after_nats_was_killed(own: Stack) -> None:
    address = own.endpoint("c2s")
    alice = await Person("alice@localhost/a", "pw", own.ca).online(*address)
    bob = await Person("bob@localhost/b", "pw", own.ca).online(*address)
    pid = own.kill("nats")
    alice.send_message("bob@localhost/b", "while the bus is down", mtype="chat")
    await asyncio.to_thread(own.wait_replaced, "nats", pid)
    await bob.expect("the message", lambda e, s: s["body"] == "while the bus is down", seconds=40)
    alice.send_message("bob@localhost", "and after", mtype="chat")
    await bob.says("alice@localhost/a", "and after")
    await alice.offline()
    await bob.offline()


def test_clean_on_sigterm(own: Stack) -> None:
    assert own.stop() == 0
    assert not (own.data / "run.json").exists()


def test_doctor_is_content_with_a_running_system(own: Stack) -> None:
    done = own.cli("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
