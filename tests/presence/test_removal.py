"""An account is removed while people are there: what they see, what is left, and what a kill changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from natter.bus import subjects
from natter.bus.removal import removal_frame
from natter.presence.model import codec
from natter.proto.v1 import accounts_pb2, bus_pb2

Eventually = Callable[..., Awaitable[None]]
ROSTER = "<query xmlns='jabber:iq:roster'/>"
ANNE = "anne@natter.test"


async def end_account(place: Any, name: str) -> int:
    """The journal says so; the shard does not know yet."""
    event = accounts_pb2.AccountEvent()
    event.removed.username = name
    payload = accounts_pb2.AccountEvents(events=[event]).SerializeToString()
    return int(await place.bus.publish(subjects.journal("account", name), payload))


async def tell(place: Any, name: str, number: int) -> None:
    """What the accounts service does."""
    bare = f"{name}@natter.test"
    frame = removal_frame(bare, number, time.time_ns() // 1000)
    subject = subjects.shard("user", subjects.shard_of(bare, place.user_shards))
    await place.bus.publish(subject, bus_pb2.Envelope(source="accounts", frames=[frame]).SerializeToString())


async def register(place: Any, name: str) -> int:
    await place.account(name)
    return int(await place.bus.last_sequence(subjects.JOURNALS))


async def bind(place: Any, full: str, account: int) -> Any:
    """A session that logged in to the account as it was at `account`."""
    person = await place.join(full)
    record = place.writer.get(person.jid)
    await place.writer.update(record, account=account)
    return person


async def roster(person: Any, id: str = "again") -> bytes:
    await person.asks("get", ROSTER, id=id)
    return bytes(await person.until(id))


async def test_contacts_see_it_and_the_next_user_starts_empty(place: Any, eventually: Eventually) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    carol = await place.enter("carol/den")
    await place.befriend(anne, bob)
    await carol.says("subscribe", ANNE)
    await anne.until("subscribe", "from='carol@natter.test'")
    await carol.until("type='set'", ANNE, "ask='subscribe'")
    removal = await end_account(place, "anne")
    await tell(place, "anne", removal)
    await bob.until("unavailable", f"from='{anne.jid}'")
    await bob.until("unsubscribe'", f"from='{ANNE}'")
    await bob.until("unsubscribed", f"from='{ANNE}'")
    await bob.until("type='set'", ANNE, "subscription='none'")
    await carol.until("unsubscribed", f"from='{ANNE}'")
    await carol.until("type='set'", ANNE, "subscription='none'")
    # Still connected, and no longer anybody.
    await anne.asks("set", "<query xmlns='jabber:iq:roster'><item jid='eve@natter.test'/></query>", id="late")
    await place.vanish(anne)
    new = await bind(place, "anne/home", await register(place, "anne"))
    assert b"<item" not in await roster(new)
    await new.asks("get", "<query xmlns='jabber:iq:roster' ver='1'/>", id="version")
    assert b"<item" not in await new.until("version")
    # Nobody knows him until he says so.
    await new.says()
    await new.until(f"from='{new.jid}'")
    assert not [stanza for stanza in await bob.settled() if b"anne" in stanza]
    await place.befriend(new, bob)


async def test_nothing_of_it_stays_in_the_logs(place: Any, eventually: Eventually) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    await anne.asks("set", f"<query xmlns='jabber:iq:roster'><item jid='{bob.bare}' name='canary'/></query>")
    await anne.until("canary")
    await tell(place, "anne", await end_account(place, "anne"))
    await bob.until("unsubscribed", f"from='{ANNE}'")
    subject = subjects.journal("roster", ANNE)
    snapshot = subjects.kv_key(subjects.SNAPSHOTS, f"roster.{subjects.token(ANNE)}")
    record = subjects.availability(subjects.shard_of(ANNE, 2), anne.jid)

    async def left() -> bytes:
        entries = await place.bus.read(subjects.JOURNALS, subject)
        last = await place.bus.last(subjects.kv_stream(subjects.SNAPSHOTS), snapshot)
        presence = await place.bus.last(subjects.AVAILABILITY, record)
        return b"".join(e.payload for e in (*entries, *filter(None, (last, presence))))

    async with asyncio.timeout(30):
        while [word for word in (b"canary", b"bob@", b"<presence") for found in [await left()] if word in found]:
            await asyncio.sleep(0.01)


async def test_said_late_and_twice_it_leaves_the_next_user_alone(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    removal = await end_account(place, "anne")
    await tell(place, "anne", removal)
    await bob.until("unsubscribed", f"from='{ANNE}'")
    await place.vanish(anne)
    new = await bind(place, "anne/home", await register(place, "anne"))
    await roster(new)
    await new.says()
    await place.befriend(new, bob)
    await tell(place, "anne", removal)
    assert not [s for s in await bob.settled() if b"unsubscribe" in s]
    assert b"bob@natter.test" in await roster(new, "once-more")


@pytest.mark.parametrize("lost", ["frames", "records"])
async def test_killed_while_telling_the_next_holder_tells(place: Any, monkeypatch: Any, lost: str) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    await asyncio.gather(anne.settled(), bob.settled())
    workers = list(place.service.workers.values())
    noted = asyncio.Event()
    append = workers[0]._tools.journal.append

    def appended(kind: str, jid: str, payload: bytes, *, expected: int) -> Any:
        future = append(kind, jid, payload, expected=expected)
        if jid == ANNE:
            future.add_done_callback(lambda _: noted.set())
        return future

    monkeypatch.setattr(workers[0]._tools.journal, "append", appended)
    for worker in workers:
        if lost == "frames":
            monkeypatch.setattr(worker._tools.senders, "add", lambda *_: None)
        else:
            monkeypatch.setattr(worker._tools.availability, "put", lambda *_: None)
    await tell(place, "anne", await end_account(place, "anne"))
    await asyncio.wait_for(noted.wait(), 5)
    await place.kill()
    monkeypatch.undo()
    await place.start("presence-2")
    await bob.until("unsubscribed", f"from='{ANNE}'", seconds=15)
    heard = await bob.settled()
    await bob.asks("get", ROSTER, id="state")
    state = await bob.until("id='state'")
    assert b"anne@natter.test' subscription='none'" in state, (heard, state)


async def test_the_journal_folds_to_the_same(place: Any) -> None:
    anne, bob = await place.enter("anne/home"), await place.enter("bob/work")
    await place.befriend(anne, bob)
    removal = await end_account(place, "anne")
    await tell(place, "anne", removal)
    await bob.until("unsubscribed", f"from='{ANNE}'")
    folded = codec.Folded()
    for entry in await place.bus.read(subjects.JOURNALS, subjects.journal("roster", ANNE)):
        folded = codec.fold(folded, entry.sequence, entry.payload)
    assert folded.roster.forgotten.removal == removal
    assert not folded.roster.contacts
    assert codec.decode_snapshot(codec.encode_snapshot(folded)).roster == folded.roster
