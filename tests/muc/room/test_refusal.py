"""Refusals as stanza errors."""

from __future__ import annotations

from natter.muc.room.refusal import refusal
from natter.muc.room.request import MESSAGE, PRESENCE, Refused, Request
from natter.xmpp.element import parse
from natter.xmpp.traits import Trait


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


def test_who_has_copies_of_a_message_gets_one_of_its_error() -> None:
    """XEP-0280 §6.1: private messages are copied, what is said to all is not."""
    for type, to, traits, copied in (
        ("chat", "den@c/anna", 0, True),
        ("", "den@c/anna", Trait.BODY, True),
        ("chat", "den@c/anna", Trait.PRIVATE, False),
        ("groupchat", "den@c", Trait.BODY, False),
    ):
        stanza = f"<message from='eve@d/r' to='{to}' type='{type}'><body>x</body></message>".encode()
        request = Request(
            kind=MESSAGE, type=type, sender="eve@d/r", to=to, traits=int(traits), stanza=stanza, session="s", now_us=1
        )
        assert refusal(request, Refused("forbidden")).copied is copied
