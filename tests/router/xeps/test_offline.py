"""XEP-0160 §4: what the server says of itself."""

from __future__ import annotations

from natter.router.xeps import offline


def test_features() -> None:
    assert offline.FEATURES == ("msgoffline",)
