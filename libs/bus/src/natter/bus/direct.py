"""Reads that go past consumers: JetStream direct get (ADR-31), single and batched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from .api import Dated, Entry, NoStream, Unavailable
from .headers import fields, operation, status
from .requests import Requests

# Bytes of one batched answer; the rest is asked for again.
BATCH_BYTES_MAX = 4 << 20
# nats-server answers 413 to a multi_last that matches more subjects than this.
SUBJECTS_MAX = 1024


class TooMany(Exception):
    """More subjects match than the server gives in one answer."""


async def last(requests: Requests, stream: str, subject: str) -> Entry | None:
    """The newest entry of one subject."""
    header, payload = await requests.one(f"$JS.API.DIRECT.GET.{stream}.{subject}", b"")
    code = status(header)
    if code == 404:
        return None
    if code:
        raise Unavailable(f"direct get: {header[9:60]!r}")
    return _entry(header, payload)


async def last_many(requests: Requests, stream: str, subjects: str) -> list[Entry]:
    """The newest entry of every subject, by sequence. `TooMany` above 1024."""
    found, _ = await _batch(requests, stream, {"multi_last": [subjects], "batch": SUBJECTS_MAX})
    if len(found) >= SUBJECTS_MAX:
        raise TooMany
    return [entry for entry, _ in found]


async def read(requests: Requests, stream: str, subject: str, *, after: int, limit: int) -> list[Entry]:
    """Entries of a subject or pattern above a sequence, in order."""
    return [entry for entry, _ in await _pages(requests, stream, subject, {"seq": after + 1}, limit)]


async def dated(
    requests: Requests, stream: str, subject: str, *, after: int = 0, since_us: int = 0, limit: int
) -> list[Dated]:
    """`read`, with the time of each; or those that were stored at a time and later."""
    start: dict[str, Any] = {"start_time": _time(since_us)} if since_us else {"seq": after + 1}
    found = await _pages(requests, stream, subject, start, limit)
    return [Dated(entry, _stored_us(header)) for entry, header in found]


async def _pages(
    requests: Requests, stream: str, subject: str, start: dict[str, Any], limit: int
) -> list[tuple[Entry, bytes]]:
    """Entries with their headers."""
    found: list[tuple[Entry, bytes]] = []
    while len(found) < limit:
        wanted = {"batch": min(limit - len(found), 1000), "max_bytes": BATCH_BYTES_MAX}
        page, more = await _batch(requests, stream, {**start, "next_by_subj": subject, **wanted})
        found += page
        if not page or not more:
            break
        start = {"seq": found[-1][0].sequence + 1}
    return found


async def _batch(requests: Requests, stream: str, body: Mapping[str, Any]) -> tuple[list[tuple[Entry, bytes]], bool]:
    """The entries of one batched answer, each with its header, and whether there are more."""
    entries: list[tuple[Entry, bytes]] = []
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def on_reply(subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
        if future.done():
            return
        match status(header):
            case 0:
                entries.append((_entry(header, payload), header))
            case 204:
                future.set_result(int(fields(header).get("Nats-Num-Pending", "0")) > 0)
            case 404:
                future.set_result(False)
            case 413:
                future.set_exception(TooMany())
            case 503:
                future.set_exception(NoStream(stream))
            case _:
                future.set_exception(Unavailable(f"direct get: {header[9:60]!r}"))

    more = await requests.ask(f"$JS.API.DIRECT.GET.{stream}", json.dumps(body).encode(), on_reply, future)
    return entries, more


def _entry(header: bytes, payload: bytes) -> Entry:
    found = fields(header)
    return Entry(found["Nats-Subject"], int(found["Nats-Sequence"]), payload, operation(header))


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_STAMP: Final = b"Nats-Time-Stamp:"


def _stored_us(header: bytes) -> int:
    """When the entry was stored; 0 where nothing is said of it. RFC 3339, with up to nine digits behind the second."""
    at = header.find(_STAMP)
    if at < 0:
        return 0
    text = header[at + len(_STAMP) : header.index(b"\r\n", at)].strip().decode()
    whole, _, rest = text.removesuffix("Z").partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=UTC)
    return int((seconds - _EPOCH).total_seconds()) * 1_000_000 + int(rest[:6].ljust(6, "0"))


def _time(us: int) -> str:
    return (_EPOCH + timedelta(microseconds=us)).isoformat().replace("+00:00", "Z")
