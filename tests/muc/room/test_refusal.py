"""Refusals as stanza errors."""

from __future__ import annotations

from natter.muc.room.refusal import refusal
from natter.muc.room.request import PRESENCE, Refused, Request
from natter.xmpp.element import parse


def test_the_error_of_the_xep() -> None:
    request = Request(
        kind=PRESENCE,
        sender="hag66@shakespeare.lit/pda",
        to="coven@chat.shakespeare.lit/thirdwitch",
        id="n13mt3l",
        stanza=b"<presence id='n13mt3l' to='x'><x xmlns='http://jabber.org/protocol/muc'/></presence>",
        session="s",
        now_us=1,
    )
    output = refusal(request, Refused("service-unavailable", "full & over", type="wait"))
    element = parse(output.stanza)
    assert dict(element.attrib) == {
        "id": "n13mt3l",
        "from": "coven@chat.shakespeare.lit/thirdwitch",
        "type": "error",
    }
    x, error = element
    assert x.tag == "{http://jabber.org/protocol/muc}x"
    assert (error.get("by"), error.get("type")) == ("coven@chat.shakespeare.lit", "wait")
    assert error.findtext("{urn:ietf:params:xml:ns:xmpp-stanzas}text") == "full & over"
    assert output.type == "error"
