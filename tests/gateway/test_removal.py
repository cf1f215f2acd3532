"""Removed accounts: their keys are forgotten, their sessions closed, their logins under way refused."""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.api import Entry
from natter.bus.directory import Directory
from natter.bus.memory import MemoryBus
from natter.gateway import removal as module
from natter.gateway.removal import ANSWER_SECONDS_MAX, Removals
from natter.proto.v1 import accounts_pb2, bus_pb2
from raw import Closed

World = Any
PASSWORD = "secret"


def entry(username: str, sequence: int, *, removed: bool = True, by: str = "cli") -> Entry:
    event = accounts_pb2.AccountEvent()
    if removed:
        event.removed.username, event.removed.by, event.removed.time_us = username, by, 1
    else:
        event.password_changed.username = username
    payload = accounts_pb2.AccountEvents(events=[event]).SerializeToString()
    return Entry(subjects.journal("account", username), sequence, payload)


async def remove(world: World, username: str, by: str = "cli") -> None:
    """What the accounts service does."""
    made = entry(username, 0, by=by)
    await world.bus.publish(made.subject, made.payload)
    world.accounts.passwords.pop(username, None)


class Keys:
    """Credentials that remember what they forgot."""

    def __init__(self) -> None:
        self.forgotten: list[tuple[str, int]] = []

    def forget(self, username: str, revision: int = 0) -> None:
        self.forgotten.append((username, revision))


class Rig:
    def __init__(self, directory: Directory, session_of: Any) -> None:
        self.keys = Keys()
        self.directory = directory
        self.sessions: dict[str, Any] = {}
        self.timers: list[tuple[float, Any]] = []
        self.session_of = session_of
        self.removals = Removals(
            self.keys,  # type: ignore[arg-type]
            self.sessions,
            "x",
            lambda seconds, callback: self.timers.append((seconds, callback)),
            directory=directory,
        )

    async def bind(self, name: str, jid: str, account: int) -> Any:
        record = await self.directory.create(bus_pb2.SessionRecord(session=name, gateway="g", jid=jid, account=account))
        session = self.sessions[name] = self.session_of(record)
        return session


@pytest.fixture
async def rig(directory: Directory, session_of: Any) -> Rig:
    return Rig(directory, session_of)


async def test_sessions_of_the_account_end_and_nobody_elses(rig: Rig, link: Any) -> None:
    await rig.bind("s1", "alice@x/r", 5)
    await rig.bind("s2", "bob@x/r", 5)
    # Another gateway's.
    await rig.directory.create(bus_pb2.SessionRecord(session="s3", gateway="h", jid="alice@x/other", account=5))
    rig.removals.take(entry("alice", 6))
    assert link.ended == ["not-authorized"]
    assert rig.keys.forgotten == [("alice", 6)]


async def test_the_next_user_of_the_name_stays(rig: Rig, link: Any) -> None:
    await rig.bind("s1", "alice@x/r", 9)
    rig.removals.take(entry("alice", 6))
    assert link.ended == []
    assert rig.removals.gone("alice", 5)
    assert not rig.removals.gone("alice", 9)
    assert not rig.removals.gone("bob", 0)


async def test_a_new_password_ends_nothing(rig: Rig, link: Any) -> None:
    await rig.bind("s1", "alice@x/r", 5)
    rig.removals.take(entry("alice", 6, removed=False))
    assert link.ended == []
    assert rig.keys.forgotten == [("alice", 6)]
    assert not rig.removals.gone("alice", 5)


async def test_who_removes_the_own_account_gets_the_answer_first(rig: Rig, link: Any) -> None:
    await rig.bind("s1", "alice@x/r", 5)
    rig.removals.take(entry("alice", 6, by="alice@x/r"))
    assert link.ended == []
    [(seconds, callback)] = rig.timers
    assert seconds == ANSWER_SECONDS_MAX
    callback()
    assert link.ended == ["not-authorized"]
    rig.sessions["s1"].over = True
    callback()
    assert link.ended == ["not-authorized"]


async def test_what_is_remembered_is_bounded(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMOVED_MAX", 2)
    for number, name in enumerate(("a", "b", "a", "c"), 1):
        rig.removals.take(entry(name, number))
    assert rig.removals.removed == OrderedDict(a=3, c=4)


async def test_an_entry_that_says_nothing(rig: Rig) -> None:
    rig.removals.take(Entry("natter.journal.account.x", 1, b""))
    assert rig.keys.forgotten == []


async def test_sessions_close_on_every_gateway_and_nobody_logs_in_again(world: World) -> None:
    one, two = await world.gateway(), await world.gateway()
    first = await world.login(one, "alice", "r1", presence=True)
    second = await world.login(two, "alice", "r2", presence=True)
    other = await world.login(two, "bob", "r3", presence=True)
    await remove(world, "alice")
    for client in (first, second):
        assert "<not-authorized" in await client.until_closed()
    for running in (one, two):
        again = await world.connect(running)
        with pytest.raises(AssertionError, match="not-authorized"):
            await asyncio.wait_for(_refused(again), 5)
    other.send("<message to='bob@localhost/r3' id='m1'><body>still here</body></message>")
    await other.until("still here")
    await world.router.until(lambda: not world.directory.sessions("alice@localhost"))


async def _refused(client: Any) -> None:
    await client.features()
    plain = base64.b64encode(f"\0alice\0{PASSWORD}".encode()).decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    match = await client.until(r"<failure.*?</failure>|<success")
    raise AssertionError(match.group(0))


async def test_a_login_under_way_is_refused_when_it_binds(world: World, memory: MemoryBus) -> None:
    running = await world.gateway()
    client = await world.connect(running)
    await client.features()
    plain = base64.b64encode(f"\0alice\0{PASSWORD}".encode()).decode()
    client.send(f"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")
    await client.until("<success")
    await remove(world, "alice")
    await world.router.until(lambda: running.gateway.removals.gone("alice", 0))
    await client.features()
    client.send("<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
    with pytest.raises(Closed) as closed:
        await client.until("<jid>")
    assert "<not-authorized" in str(closed.value)
    await world.router.until(lambda: not world.directory.sessions("alice@localhost"))


async def test_nobody_inherits_a_session_whose_account_was_removed_before_he_came(world: World) -> None:
    one = await world.gateway()
    alice = await world.login(one, "alice", "r")
    alice.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")
    await alice.until("<enabled")
    await world.router.until(lambda: next(iter(world.directory.all())).resumption)
    record = next(iter(world.directory.all()))
    await one.gateway.removals.stop()
    await remove(world, "alice")
    two = await world.gateway()
    assert not two.gateway.removals.gone("alice", record.account)
    assert await two.gateway.takeovers.take(record) is None
    assert not two.gateway.sessions and not two.gateway.binding.claims
    assert world.directory.by_session(record.session).gateway == one.gateway.incarnation
