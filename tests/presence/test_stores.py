"""What presence keeps beside journals."""

from __future__ import annotations

from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.kv import bucket_spec, ensure
from natter.presence.model import codec
from natter.presence.model.user import Logout, Session
from natter.presence.stores import LOGOUTS, Logouts, has_account, open_availability
from natter.proto.v1 import accounts_pb2

HOME = Session("anne@x/home", "s1", b"<presence/>", 3, ("room@conference.x/n",), True, 9)


async def test_sessions_are_there_when_the_shard_is_opened_again(bus: Bus) -> None:
    first = await open_availability(bus, 3)
    assert first.sessions == {}
    phone = Session("anne@x/phone", "s2")
    for session in (HOME, phone):
        first.values.put(session.jid, codec.encode_session(session), lambda: None)
    await first.values.drain()
    first.values.put(phone.jid, b"", lambda: None)
    await first.values.drain()
    again = await open_availability(bus, 3)
    assert again.sessions == {"anne@x": {HOME.jid: HOME}}
    assert (await open_availability(bus, 30)).sessions == {}
    # It writes behind what it has read.
    again.values.put(HOME.jid, b"", lambda: None)
    await again.values.drain()
    assert (await open_availability(bus, 3)).sessions == {}


async def test_logouts(bus: Bus) -> None:
    await ensure(bus, bucket_spec(LOGOUTS))
    logouts = Logouts(bus)
    assert await logouts.get("anne@x") is None
    values = logouts.values()
    values.put("anne@x", codec.encode_logout("anne@x", Logout(7)), lambda: None)
    await values.drain()
    assert await logouts.get("anne@x") == Logout(7)


async def test_whether_there_is_an_account(bus: Bus) -> None:
    assert not await has_account(bus, "anne@x")
    registered = accounts_pb2.AccountEvent(registered=accounts_pb2.AccountRegistered(username="anne"))
    removed = accounts_pb2.AccountEvent(removed=accounts_pb2.AccountRemoved(username="anne"))
    for events, there in (([registered], True), ([removed], False), ([removed, registered], True)):
        payload = accounts_pb2.AccountEvents(events=events).SerializeToString()
        await bus.publish(subjects.journal("account", "anne"), payload)
        assert await has_account(bus, "anne@x") is there
