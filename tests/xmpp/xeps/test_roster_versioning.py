"""XEP-0237: the stream feature."""

from __future__ import annotations

from natter.xmpp.element import render
from natter.xmpp.xeps import roster_versioning


def test_stream_feature() -> None:
    assert render(roster_versioning.stream_feature()) == b'<ver xmlns="urn:xmpp:features:rosterver"/>'
