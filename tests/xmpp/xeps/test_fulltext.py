"""XEP-0431 §4: the name of the field."""

from __future__ import annotations

from natter.xmpp.xeps import fulltext, mam


def test_the_field_of_a_query() -> None:
    assert fulltext.FIELD == "{urn:xmpp:fulltext:0}fulltext" == mam.FULLTEXT_FIELD
