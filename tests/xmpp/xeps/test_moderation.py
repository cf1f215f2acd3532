"""XEP-0425: shapes, from its examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import parse
from natter.xmpp.xeps import moderation

REQUEST = (
    "<iq><moderate id='stanza-id-1' xmlns='urn:xmpp:message-moderate:1'>"
    "<retract xmlns='urn:xmpp:message-retract:1'/><reason>inappropriate</reason></moderate></iq>"
)


def test_a_request() -> None:
    assert moderation.parse(parse(REQUEST.encode())[0]) == moderation.Moderate("stanza-id-1", "inappropriate")


@pytest.mark.parametrize(
    "inner",
    ["<moderate xmlns='urn:xmpp:message-moderate:1' id='x'/>", "<moderate xmlns='urn:xmpp:message-moderate:1'/>"],
)
def test_what_is_no_request(inner: str) -> None:
    with pytest.raises(ValueError):
        moderation.parse(parse(f"<iq>{inner}</iq>".encode())[0])


def test_an_announcement() -> None:
    inside = moderation.moderated("room@muc.example.com/macbeth", "dd72", "a <reason>")
    element = parse(f"<message>{moderation.announcement('stanza-id-1', inside)}</message>".encode())[0]
    assert element.get("id") == "stanza-id-1"
    assert element[0].get("by") == "room@muc.example.com/macbeth"
    assert element[0][0].get("id") == "dd72"
    assert element[1].text == "a <reason>"
