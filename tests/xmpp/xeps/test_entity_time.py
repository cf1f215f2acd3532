"""XEP-0202: the answer of its example."""

from __future__ import annotations

import pytest
from natter.xmpp.element import E, render
from natter.xmpp.xeps import entity_time

MOMENT = 1_166_551_115_000_000  # 2006-12-19T17:58:35Z


def test_time() -> None:
    assert render(entity_time.time(MOMENT, offset_minutes=-360)) == (
        b'<time xmlns="urn:xmpp:time"><tzo>-06:00</tzo><utc>2006-12-19T17:58:35.000Z</utc></time>'
    )
    assert entity_time.parse(entity_time.time(MOMENT)) == MOMENT
    assert entity_time.time(MOMENT)[0].text == "+00:00"
    assert entity_time.time(MOMENT, offset_minutes=330)[0].text == "+05:30"


def test_an_answer_without_a_time() -> None:
    with pytest.raises(ValueError):
        entity_time.parse(E("{urn:xmpp:time}time"))
