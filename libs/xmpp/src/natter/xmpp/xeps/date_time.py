"""XEP-0082: XMPP Date and Time Profiles.  Between text and Unix microseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from ..spec import Xep

XEP = Xep(82, "XMPP Date and Time Profiles", version="1.1.1", status="partial", note="DateTime only; no Date, no Time")

_DATETIME: Final = re.compile(
    r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(?:\.(\d{1,9})\d{0,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def render(unix_us: int) -> str:
    """The UTC DateTime of a moment, with milliseconds: "1969-07-21T02:56:15.000Z"."""
    # XEP-0082 §3.2: DateTime; 'Z' says UTC.
    moment = _EPOCH + timedelta(microseconds=unix_us)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z" if moment.year >= 1000 else _short(moment)


def _short(moment: datetime) -> str:
    # %Y does not pad years below 1000 on every platform.
    return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def parse(text: str) -> int:
    """Unix microseconds of a DateTime in any zone. ValueError where `text` is none."""
    # XEP-0082 §3.2: CCYY-MM-DDThh:mm:ss[.sss]TZD, the zone is required.
    match = _DATETIME.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a DateTime")
    day, clock, fraction, zone = match.groups()
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=_zone(zone))
    return (moment - _EPOCH) // _MICROSECOND + int((fraction or "0")[:6].ljust(6, "0"))


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("not a time zone")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)
