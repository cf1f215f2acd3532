"""Reads that go past consumers: JetStream direct get (ADR-31), single and batched."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from .api import Entry, NoStream, Unavailable
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
    return found


async def read(requests: Requests, stream: str, subject: str, *, after: int, limit: int) -> list[Entry]:
    """Entries of a subject or pattern above a sequence, in order."""
    entries: list[Entry] = []
    while len(entries) < limit:
        start = entries[-1].sequence if entries else after
        found, more = await _batch(
            requests,
            stream,
            {
                "seq": start + 1,
                "next_by_subj": subject,
                "batch": min(limit - len(entries), 1000),
                "max_bytes": BATCH_BYTES_MAX,
            },
        )
        entries += found
        if not found or not more:
            break
    return entries


async def _batch(requests: Requests, stream: str, body: Mapping[str, Any]) -> tuple[list[Entry], bool]:
    """The entries of one batched answer, and whether there are more."""
    entries: list[Entry] = []
    future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def on_reply(subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
        if future.done():
            return
        match status(header):
            case 0:
                entries.append(_entry(header, payload))
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
