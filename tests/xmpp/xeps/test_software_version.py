"""XEP-0092: the answer of its example."""

from __future__ import annotations

from natter.xmpp.element import render
from natter.xmpp.xeps import software_version
from natter.xmpp.xeps.software_version import Software


def test_query() -> None:
    told = Software("Exodus", "0.7.0.4", "Windows-XP 5.01.2600")
    assert software_version.parse(software_version.query(told)) == told


def test_the_operating_system_is_not_told() -> None:
    assert render(software_version.query(Software("natter", "1"))) == (
        b'<query xmlns="jabber:iq:version"><name>natter</name><version>1</version></query>'
    )
