"""XEP-0486: what the pictures in a card are called."""

from __future__ import annotations

import pytest
from natter.xmpp.element import parse
from natter.xmpp.xeps import room_avatar


def card(*pictures: str):
    inner = "".join(f"<PHOTO><TYPE>image/png</TYPE><BINVAL>{p}</BINVAL></PHOTO>" for p in pictures)
    return parse(f"<iq><vCard xmlns='vcard-temp'>{inner}</vCard></iq>".encode())[0]


def test_pictures() -> None:
    svg = (
        "PHN2ZyB4bWxucz0iaHR0cDovL3d3dy53My5vcmcvMjAwMC9zdmciIHdpZHRoPSIzMiIgaGVpZ2h0PSIzMiI+CiA8cmVjdCB4PSIwIiB5PSIwIi"
        "B3aWR0aD0iMzIiIGhlaWdodD0iMzIiIGZpbGw9InJlZCIvPgo8L3N2Zz4K"
    )
    # XEP-0486 §3.3: of its own example.
    assert room_avatar.avatars(card(svg)) == ("a31c4bd04de69663cfd7f424a8453f4674da37ff",)
    assert len(room_avatar.avatars(card(svg, "YQ==\n", ""))) == 2
    assert room_avatar.avatars(room_avatar.empty()) == ()


def test_what_is_no_picture() -> None:
    with pytest.raises(ValueError, match="base64"):
        room_avatar.avatars(card("no base64!"))
