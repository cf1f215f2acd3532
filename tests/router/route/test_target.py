"""Every kind of address."""

from __future__ import annotations

import pytest
from natter.router.route.target import Target, classify
from natter.router.route.view import Hosts

SENDER = "alice@example.com/phone"


@pytest.mark.parametrize(
    ("to", "target"),
    [
        ("", Target.OWN),
        ("alice@example.com", Target.OWN),
        ("alice@example.com/desk", Target.FULL),
        (SENDER, Target.FULL),
        ("bob@example.com", Target.BARE),
        ("bob@example.com/x", Target.FULL),
        ("bob@example.com/x@y/z", Target.FULL),
        ("example.com", Target.SERVER),
        ("example.com/x", Target.SERVER),
        ("example.com/a@b", Target.SERVER),
        ("conference.example.com", Target.CONFERENCE),
        ("room@conference.example.com", Target.CONFERENCE),
        ("room@conference.example.com/nick@x", Target.CONFERENCE),
        ("other.example.com", Target.REMOTE),
        ("example.org", Target.REMOTE),
        ("bob@example.org/x", Target.REMOTE),
        ("bob@example.org/example.com", Target.REMOTE),
        ("example.com@example.org", Target.REMOTE),
    ],
)
def test_classify(to: str, target: Target, hosts: Hosts) -> None:
    assert classify(to, SENDER, hosts) is target
