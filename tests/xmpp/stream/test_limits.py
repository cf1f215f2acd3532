"""The limits are the ones that SECURITY.md promises."""

from __future__ import annotations

from natter.xmpp.stream.limits import AFTER_AUTHENTICATION, BEFORE_AUTHENTICATION


def test_before_authentication() -> None:
    before = BEFORE_AUTHENTICATION
    assert (before.total_bytes_max, before.stanza_bytes_max) == (8192, 8192)
    assert (before.elements_max, before.depth_max) == (32, 8)


def test_after_authentication() -> None:
    after = AFTER_AUTHENTICATION
    assert (after.total_bytes_max, after.stanza_bytes_max) == (0, 262144)
    assert (after.depth_max, after.elements_max, after.attributes_max, after.namespaces_max) == (64, 2000, 128, 64)
