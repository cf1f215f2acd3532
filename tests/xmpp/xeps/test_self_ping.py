"""XEP-0410: the feature."""

from __future__ import annotations

from natter.xmpp.xeps import self_ping


def test_the_feature_is_in_the_table() -> None:
    assert self_ping.XEP.features == (self_ping.FEATURE,)
