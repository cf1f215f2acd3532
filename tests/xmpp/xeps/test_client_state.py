"""What can wait for a client that nobody looks at, and what a later stanza makes superfluous."""

from __future__ import annotations

import pytest
from natter.xmpp.xeps import carbons
from natter.xmpp.xeps.client_state import FEATURE, KEEP, NONZAS, waits

STATE = "<{} xmlns='http://jabber.org/protocol/chatstates'/>"
HINT = "<no-store xmlns='urn:xmpp:hints'/>"
ROMEO = "romeo@montague.lit/orchard"
MUC = "http://jabber.org/protocol/muc#user"


def presence(inside: str = "", *, sender: str = ROMEO, type: str = "") -> bytes:
    kind = f" type='{type}'" if type else ""
    return f"<presence from='{sender}' to='juliet@capulet.lit/balcony'{kind}>{inside}</presence>".encode()


def message(inside: str, *, sender: str = ROMEO, type: str = "chat") -> bytes:
    return f"<message from='{sender}' to='juliet@capulet.lit' type='{type}'>{inside}</message>".encode()


def test_presence_waits_and_the_latest_is_enough() -> None:
    key = waits(presence("<show>away</show>"))
    assert key and key == waits(presence()) == waits(presence(type="unavailable"))
    assert key != waits(presence(sender="romeo@montague.lit/chamber"))


@pytest.mark.parametrize("type", ["subscribe", "subscribed", "unsubscribe", "unsubscribed", "error", "probe"])
def test_presence_that_asks_does_not_wait(type: str) -> None:
    assert waits(presence(type=type)) is None


def test_presence_of_others_in_a_room_waits_and_ones_own_does_not() -> None:
    occupant = "<x xmlns='{}'><item affiliation='none' role='participant'/>{}</x>"
    assert waits(presence(occupant.format(MUC, ""), sender="den@rooms.lit/hag"))
    for own in ("<status code='110'/>", "<status code='307'/><status code='110'/>", "<destroy/>"):
        assert waits(presence(occupant.format(MUC, own), sender="den@rooms.lit/hag")) is None
    # Somebody else was banned.
    assert waits(presence(occupant.format(MUC, "<status code='301'/>"), sender="den@rooms.lit/hag"))


def test_a_chat_state_alone_waits() -> None:
    composing, paused = (message(STATE.format(word)) for word in ("composing", "paused"))
    assert waits(composing) and waits(composing) == waits(paused)
    assert waits(message(STATE.format("gone"), sender="other@montague.lit/x")) != waits(composing)
    beside = (
        "<thread>t</thread>",
        HINT,
        "<origin-id xmlns='urn:xmpp:sid:0' id='1'/>",
        f"<x xmlns='{MUC}'/>",
        "<delay xmlns='urn:xmpp:delay' stamp='2026-11-21T00:00:00Z'/>",
    )
    for other in beside:
        assert waits(message(STATE.format("active") + other)) == waits(composing), other


@pytest.mark.parametrize(
    "inside",
    [
        "<body>hi</body>",
        "<body>hi</body>" + STATE.format("active"),
        "<subject>new</subject>",
        "<received xmlns='urn:xmpp:receipts' id='1'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>" + STATE.format("active"),
        "<encrypted xmlns='urn:xmpp:omemo:2'/>",
        f"<x xmlns='{MUC}'><invite from='a@b'/></x>",
        "<x xmlns='jabber:x:conference' jid='den@rooms.lit'/>",
        "<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>",
        STATE.format("active") + "<unknown xmlns='urn:example:x'/>",
        f"<x xmlns='{MUC}'><invite from='a@b'/></x>" + STATE.format("active"),
        "",
    ],
)
def test_what_says_something_does_not_wait(inside: str) -> None:
    assert waits(message(inside)) is None
    assert waits(message(inside, type="groupchat")) is None


def test_an_error_does_not_wait() -> None:
    assert waits(message(STATE.format("active") + "<error type='cancel'/>", type="error")) is None
    assert waits(message(STATE.format("active"), type="error")) is None


def test_notifications_wait_each_for_itself() -> None:
    assert waits(message("<event xmlns='http://jabber.org/protocol/pubsub#event'/>", type="headline")) == KEEP
    assert waits(message("<body>news</body>", type="headline")) == KEEP


def test_carbons_are_what_is_in_them() -> None:
    account, to = "juliet@capulet.lit", "juliet@capulet.lit/balcony"
    typing, said = message(STATE.format("composing")), message("<body>hi</body>")
    assert waits(carbons.received(said, "chat", account, to)) is None
    assert waits(carbons.sent(said, "chat", account, to)) is None
    key = waits(carbons.received(typing, "chat", account, to))
    assert key and key not in (waits(typing), waits(carbons.sent(typing, "chat", account, to)))


def test_all_else_does_not_wait() -> None:
    for stanza in (
        b"<iq type='result' id='1'/>",
        b"<a xmlns='urn:xmpp:sm:3' h='1'/>",
        b"</stream:stream>",
        # A series.
        message("<body>1</body>") + message("<body>2</body>"),
    ):
        assert waits(stanza) is None


def test_what_is_offered_and_taken() -> None:
    # XEP-0352 §4.1
    assert FEATURE == "<csi xmlns='urn:xmpp:csi:0'/>"
    assert {"{urn:xmpp:csi:0}active", "{urn:xmpp:csi:0}inactive"} == NONZAS
