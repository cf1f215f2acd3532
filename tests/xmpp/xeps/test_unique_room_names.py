"""XEP-0307: the answer."""

from __future__ import annotations

from natter.xmpp.element import render
from natter.xmpp.xeps import unique_room_names


def test_a_name_stands_in_the_element() -> None:
    assert (
        render(unique_room_names.unique("abc")) == b'<unique xmlns="http://jabber.org/protocol/muc#unique">abc</unique>'
    )
