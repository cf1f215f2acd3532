"""History with an ordinary client: what was said is found again, what waited is handed over, devices stay in step."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from person import Login, Person
from stack import Stack

# A machine with other work, and an archive that has just been started again.
ANSWER_SECONDS_MAX = 60


def body(result: Any) -> str:
    return str(result["mam_result"]["forwarded"]["stanza"]["body"])


async def newest(person: Person, other: str) -> tuple[str, str]:
    """Id and body of the last thing said with somebody. slixmpp's `retrieve` leaves an empty `before` out."""
    async for result in person.plugin["xep_0313"].iterate(with_jid=other, reverse=True, rsm={"max": 1}, total=1):
        return result["mam_result"]["id"], body(result)
    raise AssertionError(f"nothing was said with {other}")


def with_mam(person: Person) -> Person:
    person.register_plugin("xep_0313")
    person.register_plugin("xep_0280")
    return person


async def test_what_was_said_is_found_again_under_the_same_id(login: Login) -> None:
    alice, bob = with_mam(await login("alice@localhost/mam")), with_mam(await login("bob@localhost/mam"))
    alice.send_message("bob@localhost/mam", "one for the archive", mtype="chat")
    heard = await bob.says("alice@localhost/mam", "one for the archive")
    id = heard.xml.find("{urn:xmpp:sid:0}stanza-id").get("id")
    for person, other in ((alice, "bob@localhost"), (bob, "alice@localhost")):
        assert await newest(person, other) == (id, "one for the archive")


async def test_what_waits_is_handed_over_once_and_has_its_time(login: Login) -> None:
    alice = await login("alice@localhost/waits")
    alice.send_message("carol@localhost", "when you come", mtype="chat")
    carol = await login("carol@localhost/first")
    heard = await carol.says("alice@localhost/waits", "when you come")
    assert heard.xml.find("{urn:xmpp:delay}delay").get("from") == "localhost"
    assert heard.xml.find("{urn:xmpp:sid:0}stanza-id") is not None
    await carol.offline()
    carol = await login("carol@localhost/second")
    alice.send_message("carol@localhost/second", "end", mtype="chat")
    await carol.says("alice@localhost/waits", "end")
    assert not [s for e, s in carol.heard if e == "message"]


async def test_carbons(login: Login) -> None:
    phone, desk = with_mam(await login("bob@localhost/phone")), with_mam(await login("bob@localhost/desk"))
    alice = await login("alice@localhost/c")
    copies: list[Any] = []
    for event in ("carbon_received", "carbon_sent"):
        desk.add_event_handler(event, copies.append)
    await desk.plugin["xep_0280"].enable()
    alice.send_message("bob@localhost/phone", "to the phone", mtype="chat")
    await phone.says("alice@localhost/c", "to the phone")
    phone.send_message("alice@localhost", "from the phone", mtype="chat")
    await alice.says("bob@localhost/phone", "from the phone")
    alice.send_message("bob@localhost/desk", "end", mtype="chat")
    await desk.says("alice@localhost/c", "end")
    assert [str(c["from"]) for c in copies] == ["bob@localhost"] * 2
    # XEP-0280 §6.1: what is refused is seen by the others, with the error.
    phone.send_message("romeo@elsewhere.example", "to nobody", mtype="chat")
    async with asyncio.timeout(40):
        while len(copies) < 4:
            await asyncio.sleep(0.05)
    assert [c.xml.get("type") for c in copies[2:]] == ["chat", "error"]
    assert copies[0]["carbon_received"]["body"] == "to the phone"
    assert copies[1]["carbon_sent"]["body"] == "from the phone"
    await desk.plugin["xep_0280"].disable()


async def everything(person: Person, other: str) -> list[tuple[str, str]]:
    """Ids and bodies of the whole archive with somebody, page by page."""
    found: list[tuple[str, str]] = []
    while True:
        rsm = {"max": 100, **({"after": found[-1][0]} if found else {})}
        answer = await person.plugin["xep_0313"].retrieve(
            iterator=False, timeout=ANSWER_SECONDS_MAX, with_jid=other, rsm=rsm
        )
        found += [(result["mam_result"]["id"], body(result)) for result in answer["mam"]["results"]]
        if answer["mam_fin"]["complete"] == "true":
            return found


async def test_an_archive_that_is_killed_hinders_nobody_and_misses_nothing(login: Login, stack: Stack) -> None:
    alice, bob = with_mam(await login("alice@localhost/k")), with_mam(await login("bob@localhost/k"))
    said = [f"kill {n}" for n in range(300)]
    pid = 0
    for number, text in enumerate(said):
        alice.send_message("bob@localhost/k", text, mtype="chat")
        if number in (100, 200):
            # What was written, what was read and not written, and what is on its way.
            await bob.says("alice@localhost/k", said[number - 50])
            pid = stack.kill("archive")
            await bob.says("alice@localhost/k", text)
            stack.wait_replaced("archive", pid)
    await bob.says("alice@localhost/k", said[-1])
    for person, other in ((alice, "bob@localhost"), (bob, "alice@localhost")):
        found = [(id, text) for id, text in await everything(person, other) if text.startswith("kill ")]
        assert [text for _, text in found] == said
        assert len({id for id, _ in found}) == len(said)


async def test_who_is_blocked_finds_nobody_and_sees_him_go(login: Login) -> None:
    alice, bob = await login("alice@localhost/b"), await login("bob@localhost/b")
    for person in (alice, bob):
        person.register_plugin("xep_0191")
    alice.send_presence_subscription("bob@localhost")
    await bob.expect("a request", lambda e, s: e == "presence" and s["type"] == "subscribe")
    bob.send_presence(pto="alice@localhost", ptype="subscribed")
    await alice.sees("bob@localhost/b", "available")
    await bob.plugin["xep_0191"].block("alice@localhost")
    await alice.sees("bob@localhost/b", "unavailable")
    for to in ("bob@localhost", "bob@localhost/b"):
        alice.send_message(to, "are you there?", mtype="chat")
        error = await alice.expect("an error", lambda e, s: s["type"] == "error")
        assert error["error"]["condition"] == "service-unavailable"
    bob.send_message("alice@localhost", "no", mtype="chat")
    error = await bob.expect("an error", lambda e, s: s["type"] == "error")
    assert error["error"]["condition"] == "not-acceptable"
    assert error.xml.find(".//{urn:xmpp:blocking:errors}blocked") is not None
    listed = await bob.plugin["xep_0191"].get_blocked()
    assert {str(item["jid"]) for item in listed["blocklist"]["items"]} == {"alice@localhost"}
    await bob.plugin["xep_0191"].unblock("alice@localhost")
    await alice.sees("bob@localhost/b", "available")
    alice.send_message("bob@localhost", "and now?", mtype="chat")
    await bob.says("alice@localhost/b", "and now?")
    # Nobody else's tests find them acquainted.
    for person, other in ((alice, "bob@localhost"), (bob, "alice@localhost")):
        await person.del_roster_item(other)


async def test_the_doctor_finds_rows_that_are_not_what_was_said(login: Login, stack: Stack) -> None:
    alice, bob = with_mam(await login("alice@localhost/d")), with_mam(await login("bob@localhost/d"))
    for n in range(3):
        alice.send_message("bob@localhost/d", f"doctor {n}", mtype="chat")
    await bob.says("alice@localhost/d", "doctor 2")
    before = [(id, text) for id, text in await everything(bob, "alice@localhost") if text.startswith("doctor ")]
    assert len(before) == 3
    with closing(sqlite3.connect(stack.data / "archive" / "archive.db", timeout=30)) as rows, rows:
        rows.execute("DELETE FROM messages WHERE owner = 'bob@localhost' AND id = ?", (before[0][0],))
        rows.execute("UPDATE messages SET peer = 'x@y' WHERE owner = 'bob@localhost' AND id = ?", (before[1][0],))
        rows.execute(
            "INSERT INTO messages (position, owner, id, peer, resource, time_us, stanza) "
            "SELECT position + 2, owner, 'planted', peer, resource, time_us, stanza FROM messages "
            "WHERE owner = 'bob@localhost' AND id = ?",
            (before[2][0],),
        )
    done = await asyncio.to_thread(stack.cli, "doctor", "--projections")
    assert done.returncode == 1, done.stdout + done.stderr
    for what, id in (("missing", before[0][0]), ("changed", before[1][0]), ("surplus", "planted")):
        assert f"{what} in the archive of bob@localhost: {id}" in done.stdout
    done = await asyncio.to_thread(stack.cli, "doctor", "--projections", "--repair")
    assert done.returncode == 0 and "3 differ, 3 put right" in done.stdout
    done = await asyncio.to_thread(stack.cli, "doctor", "--projections")
    assert done.returncode == 0 and " 0 differ" in done.stdout
    after = [(id, text) for id, text in await everything(bob, "alice@localhost") if text.startswith("doctor ")]
    assert after == before
