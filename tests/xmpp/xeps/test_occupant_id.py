"""XEP-0421: the element."""

from __future__ import annotations

from natter.xmpp.xeps import occupant_id


def test_the_element() -> None:
    assert occupant_id.occupant_id("dd72") == b"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='dd72'/>"
