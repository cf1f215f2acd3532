"""XEP-0082: its own examples, both ways."""

from __future__ import annotations

import pytest
from natter.xmpp.xeps import date_time

MOON = -14_159_025_000_000  # 1969-07-21T02:56:15Z


@pytest.mark.parametrize(
    ("text", "unix_us"),
    [
        ("1969-07-21T02:56:15Z", MOON),
        ("1969-07-20T21:56:15-05:00", MOON),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1970-01-01T00:00:00.5Z", 500_000),
        ("1970-01-01T00:00:00.123456789Z", 123_456),
        (" 2002-09-10T23:08:25Z\n", 1_031_699_305_000_000),
    ],
)
def test_parse(text: str, unix_us: int) -> None:
    assert date_time.parse(text) == unix_us


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1969-07-21",
        "1969-07-21T02:56:15",
        "20020910T23:08:25",
        "1969-13-21T02:56:15Z",
        "1969-07-21T25:56:15Z",
        "1969-07-21T02:56:15+24:00",
        "1969-07-21T02:56:15.Z",
        "١٩٦٩-07-21T02:56:15Z",
        "0000-01-01T00:00:00Z",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError):
        date_time.parse(text)


@pytest.mark.parametrize("unix_us", [0, MOON, 1_700_000_000_123_000, -60_000_000_000_000_000])
def test_render_and_parse(unix_us: int) -> None:
    assert date_time.parse(date_time.render(unix_us)) == unix_us


def test_render() -> None:
    assert date_time.render(MOON) == "1969-07-21T02:56:15.000Z"
    assert date_time.render(-60_000_000_000_000_000).startswith("0068-")
