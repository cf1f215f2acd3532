"""XEP-0012: the answers of its examples."""

from __future__ import annotations

import pytest
from natter.xmpp.element import E, render
from natter.xmpp.xeps import last_activity


def test_query() -> None:
    assert render(last_activity.query(123456)) == b'<query xmlns="jabber:iq:last" seconds="123456"/>'
    assert last_activity.parse(last_activity.query(903, "Heading Home")) == (903, "Heading Home")


def test_an_answer_without_seconds() -> None:
    with pytest.raises(ValueError):
        last_activity.parse(E("{jabber:iq:last}query"))
