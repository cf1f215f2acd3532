"""What decisions may know of addresses."""

from __future__ import annotations

import pytest
from natter.presence.model.effects import Policy

POLICY = Policy("x", "conference.x")


@pytest.mark.parametrize(
    ("jid", "local", "room"),
    [
        ("a@x", True, False),
        ("a@x/r@y", True, False),
        ("x", False, False),
        ("@x", False, False),
        ("a@y", False, False),
        ("r@conference.x/nick", False, True),
        ("conference.x", False, True),
        ("a@y/b@x", False, False),
    ],
)
def test_whose_an_address_is(jid: str, local: bool, room: bool) -> None:
    assert POLICY.is_local(jid) is local
    assert POLICY.is_room(jid) is room
