"""The page: well-formed, escaped, honest about what is withheld and what is old."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta

from lxml import html
from natter.metrics import page
from natter.metrics.overview import Overview
from natter.storage.aggregates import Group, Minute

UNTIL = datetime(2026, 3, 4, 5, 7, tzinfo=UTC)
GROUP = Group("message", "chat", "in", "dropped:<b>", 1234, 56789, None, 1500, 2500, None)


def overview(*groups: Group) -> Overview:
    minutes = [Minute(UNTIL - timedelta(minutes=2), "in", 40), Minute(UNTIL - timedelta(minutes=2), "out", 2)]
    return Overview(UNTIL - timedelta(hours=1), UNTIL, groups, minutes)


def test_numbers_and_what_is_withheld() -> None:
    text = page.render(overview(GROUP), domain="example.org", failing=False)
    document = html.document_fromstring(text)
    cells = [c.text for c in document.xpath("//tr[td][1]/td")]
    assert cells[:10] == ["message", "chat", "in", "dropped:<b>", "1,234", "56,789", "< 10", "1.5", "2.5", "-"]
    assert [e.text for e in document.xpath("//span[@class='big']")] == ["40", "2"]
    assert [m.get("value") for m in document.xpath("//meter")] == ["42"]
    assert "<b>" not in text and not document.xpath("//script") and "old" not in text


def test_nothing_yet_and_not_written() -> None:
    assert "No stanza yet" in page.render(overview(), domain="example.org", failing=False)
    assert "not being written" in page.render(overview(), domain="example.org", failing=True)
    assert "does not answer" in page.unavailable(domain="<x>") and "<x>" not in page.unavailable(domain="<x>")


def test_the_policy_allows_this_style_and_nothing_else() -> None:
    text = page.render(overview(), domain="example.org", failing=False)
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.CONTENT_SECURITY_POLICY and "unsafe" not in page.CONTENT_SECURITY_POLICY
    assert "style=" not in text and "color-scheme: light dark" in style
