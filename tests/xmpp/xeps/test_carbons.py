"""XEP-0280: the rules of §6.1, and copies as in its examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import parse
from natter.xmpp.traits import Trait
from natter.xmpp.xeps import carbons

FULL = "juliet@capulet.example/balcony"
MESSAGE = b"<message from='juliet@capulet.example/balcony' to='romeo@montague.example'><body>Ay</body></message>"
CLIENT = "{jabber:client}"


@pytest.mark.parametrize(
    ("type", "traits", "to", "copied"),
    [
        ("chat", 0, FULL, True),
        ("chat", Trait.CHAT_STATE, FULL, True),
        ("", Trait.BODY, FULL, True),
        ("normal", 0, FULL, False),
        ("normal", Trait.RECEIPT, FULL, True),
        ("normal", Trait.MARKER, FULL, True),
        ("", Trait.CONFERENCE, FULL, True),
        ("", Trait.MUC_USER, FULL, True),
        ("groupchat", Trait.BODY, FULL, False),
        ("headline", Trait.BODY, FULL, False),
        ("headline", Trait.RECEIPT, FULL, True),
        ("headline", Trait.MUC_USER, FULL, True),
        ("groupchat", Trait.CONFERENCE, FULL, False),
        # In response to what was copied, whether it repeats that or not.
        ("error", Trait.ERROR | Trait.BODY, FULL, True),
        ("error", Trait.ERROR, FULL, True),
        ("error", Trait.ERROR | Trait.BODY | Trait.PRIVATE, FULL, False),
        ("error", Trait.ERROR | Trait.NO_COPY, FULL, False),
        ("something", Trait.BODY, FULL, True),
        ("something", 0, FULL, False),
        ("chat", Trait.BODY | Trait.PRIVATE, FULL, False),
        ("chat", Trait.BODY | Trait.NO_COPY, FULL, False),
        ("chat", Trait.BODY | Trait.NO_COPY, "juliet@capulet.example", True),
    ],
)
def test_which_messages_are_copied(type: str, traits: int, to: str, copied: bool) -> None:
    assert carbons.eligible(type, traits, to) is copied


@pytest.mark.parametrize("way", ["received", "sent"])
def test_a_copy(way: str) -> None:
    copy = parse(getattr(carbons, way)(MESSAGE, "chat", "romeo@montague.example", "romeo@montague.example/home"))
    assert copy.attrib == {"from": "romeo@montague.example", "to": "romeo@montague.example/home", "type": "chat"}
    inner = copy.find(f"{{urn:xmpp:carbons:2}}{way}/{{urn:xmpp:forward:0}}forwarded/{CLIENT}message")
    assert inner is not None and inner.findtext(f"{CLIENT}body") == "Ay"


def test_a_copy_of_a_message_without_type_has_none() -> None:
    assert b" type=" not in carbons.sent(b"<message/>", "", "a@b", "a@b/c")
