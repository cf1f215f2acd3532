"""From a stanza to the lane."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from natter.bus.memory import MemoryBus
from natter.gateway.app import put_together
from natter.gateway.gateway import Gateway
from natter.gateway.ingest import INBOUND_MASK, accept
from natter.gateway.pipeline import Refusing
from natter.gateway.session import Session
from natter.gateway.settings import Settings
from natter.runtime.sections import Server
from natter.xmpp.stream.events import Stanza
from natter.xmpp.stream.reader import Reader

STREAM = b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>"


@pytest.fixture
async def gateway(memory: MemoryBus, lane: Any) -> AsyncIterator[Gateway]:
    server = Server(allow_plaintext=True)
    made = put_together(memory, Settings(), server, incarnation="gateway-1-aa", lanes=4, sample_ratio=0.0)
    await made.binding.directory.start()
    made.lane = made.binding.lane = lane
    yield made
    made.verifier.close()


@pytest.fixture
async def session(gateway: Gateway, session_of: Any) -> Session:
    made: Session = session_of(await gateway.binding.bind("alice@example", "phone"))
    return made


def stanzas(text: str) -> list[Stanza]:
    events = Reader().feed(STREAM + text.encode())[1:]
    assert all(isinstance(event, Stanza) for event in events)
    return events  # type: ignore[return-value]


async def test_a_message_is_in_the_lane_when_accept_returns(gateway: Gateway, session: Session, lane: Any) -> None:
    for stanza in stanzas("<message to='bob@example' id='1'/><message to='bob@example' id='2'/>"):
        assert accept(gateway, session, stanza, 5)
    assert [(f.id, f.inbound, f.session, f.accepted_us) for f in lane.frames] == [
        ("1", 1, session.id, 5),
        ("2", 2, session.id, 5),
    ]


async def test_a_stanza_that_is_refused_counts_and_is_answered_in_its_place(
    gateway: Gateway, session: Session, lane: Any, link: Any
) -> None:
    [stanza] = stanzas("<iq type='get' id='1'/>")
    assert accept(gateway, session, stanza, 5)
    assert session.inbound == 1
    assert lane.frames == []
    assert b"<bad-request" in session.outbox.parts[0]
    assert link.ended == []


async def test_a_wrong_sender_is_fatal(gateway: Gateway, session: Session, link: Any) -> None:
    [stanza] = stanzas("<message from='mallory@example'/>")
    assert accept(gateway, session, stanza, 5)
    assert link.ended == ["invalid-from"]


async def test_everything_behind_a_presence_waits_for_the_directory(
    gateway: Gateway, session: Session, lane: Any
) -> None:
    first, presence, *rest = stanzas("<message id='1'/><presence id='2'/><message id='3'/><iq type='result' id='4'/>")
    assert accept(gateway, session, first, 5)
    assert not accept(gateway, session, presence, 5)
    assert [accept(gateway, session, stanza, 5) for stanza in rest] == [False, False]
    assert [f.id for f in lane.frames] == ["1"]
    assert session.announcing is not None
    await session.announcing
    assert [f.id for f in lane.frames] == ["1", "2", "3", "4"]
    [stanza] = stanzas("<message id='5'/>")
    assert accept(gateway, session, stanza, 5)
    assert [f.id for f in lane.frames] == ["1", "2", "3", "4", "5"]


async def test_a_presence_that_changes_nothing_in_the_directory_does_not_wait(
    gateway: Gateway, session: Session, lane: Any
) -> None:
    [presence] = stanzas("<presence/>")
    accept(gateway, session, presence, 5)
    assert session.announcing is not None
    await session.announcing
    for text in ("<presence><show>away</show></presence>", "<presence to='room@conference.example/nick'/>"):
        [presence] = stanzas(text)
        assert accept(gateway, session, presence, 5)
    assert len(lane.frames) == 3


async def test_the_count_wraps(gateway: Gateway, session: Session, lane: Any) -> None:
    session.inbound = INBOUND_MASK
    [stanza] = stanzas("<message/>")
    accept(gateway, session, stanza, 5)
    assert lane.frames[0].inbound == 0


async def test_without_room_what_can_be_answered_is(
    gateway: Gateway, session: Session, lane: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.refusing = Refusing.ALL
    text = (
        "<message to='bob@example' id='1' type='chat'><body>x</body></message><iq type='set' id='2'><a xmlns='b'/></iq>"
        "<presence to='bob@example' type='subscribe'/><message to='bob@example' type='error' id='3'/>"
        "<iq type='result' id='4'/><presence type='unavailable' to='bob@example'/>"
    )
    for stanza in stanzas(text):
        assert accept(gateway, session, stanza, 5)
    refused = b"".join(session.outbox.parts)
    assert refused.count(b"<resource-constraint") == refused.count(b'type="wait"') == 3
    assert [(f.kind, f.id, f.type) for f in lane.frames] == [
        (1, "3", "error"),
        (3, "4", "result"),
        (2, "", "unavailable"),
    ]
    assert session.inbound == 6


async def test_without_room_for_journals_people_still_talk(gateway: Gateway, session: Session, lane: Any) -> None:
    gateway.refusing = Refusing.JOURNALED
    text = (
        "<message to='bob@example' id='1'/><iq type='get' id='2'><a xmlns='b'/></iq>"
        "<message to='r@conference.example' id='3' type='groupchat'/><iq type='set' id='4'><a xmlns='b'/></iq>"
        "<presence to='r@conference.example/n'/><presence to='bob@example' type='subscribe'/>"
    )
    for stanza in stanzas(text):
        assert accept(gateway, session, stanza, 5)
    assert [f.id for f in lane.frames] == ["1", "2"]
    assert b"".join(session.outbox.parts).count(b"<resource-constraint") == 4
