"""XEP-0092: what is told and what is not."""

from __future__ import annotations

from typing import Any

from natter.router.xeps import software_version
from natter.xmpp.xeps import software_version as shapes
from natter.xmpp.xeps.software_version import Software


def test_version(ask: Any) -> None:
    (query,) = software_version.version(ask(software_version.QUERY))
    assert shapes.parse(query) == Software("natter", "1.2", "")
    assert len(query) == 2


def test_the_operating_system_where_the_operator_tells_it(ask: Any) -> None:
    (query,) = software_version.version(ask(software_version.QUERY, os="Linux"))
    assert shapes.parse(query).os == "Linux"
