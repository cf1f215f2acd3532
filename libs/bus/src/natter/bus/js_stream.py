"""Making js_streams what their specifications say, and asking about them."""

from __future__ import annotations

import logging
from dataclasses import replace
from time import time
from typing import Any

from .api import NoStream, StreamFull, StreamSpec, Usage
from .errors import ApiError
from .requests import Requests

log = logging.getLogger(__name__)

BYTES_MIN = 16 << 20
NAME_IN_USE = 10058
# First sequences of `rising` js_streams: the Unix time in such units. Sequences stay far below 2^48.
SEQUENCES_PER_SECOND = 10_000


def configuration(spec: StreamSpec) -> dict[str, Any]:
    """The server's stream configuration."""
    age = round(spec.age_seconds_max * 1e9)
    dedup = round(spec.dedup_seconds * 1e9)
    bucket = spec.name.startswith("KV_")
    return {
        "name": spec.name,
        "subjects": list(spec.subjects),
        "retention": "limits",
        "discard": "old" if spec.drops_oldest else "new",
        "max_bytes": spec.bytes_max,
        "max_age": age,
        "max_msgs": -1,
        "max_msgs_per_subject": spec.per_subject_max,
        "storage": "memory" if spec.in_memory else "file",
        "num_replicas": spec.replicas,
        # The server refuses a window longer than the age.
        "duplicate_window": min(age, dedup) if age else dedup,
        "allow_direct": True,
        "allow_msg_ttl": spec.message_ttl,
        # ADR-8, for buckets only.
        "allow_rollup_hdrs": bucket,
        "deny_delete": bucket,
    }


async def ensure(requests: Requests, spec: StreamSpec) -> None:
    """Create or update. On a disk that is too small for `bytes_max`, take half, and say so."""
    while True:
        try:
            await _create_or_update(requests, configuration(spec), rising=spec.rising)
            return
        except StreamFull:
            if spec.bytes_max <= BYTES_MIN:
                raise
            spec = replace(spec, bytes_max=max(BYTES_MIN, spec.bytes_max // 2))
            log.warning("%s: not enough space reserved, trying with %d bytes", spec.name, spec.bytes_max)


async def _create_or_update(requests: Requests, wanted: dict[str, Any], *, rising: bool) -> None:
    name = wanted["name"]
    try:
        found = (await requests.api(f"STREAM.INFO.{name}"))["config"]
    except NoStream:
        try:
            # Causes, positions and watermarks are sequences: those of the js_stream before must not come again.
            first = {"first_seq": int(time() * SEQUENCES_PER_SECOND)} if rising else {}
            await requests.api(f"STREAM.CREATE.{name}", {**wanted, **first})
            return
        except ApiError as error:
            # Somebody else was faster, with another configuration.
            if error.code != NAME_IN_USE:
                raise
            found = {}
    if any(found.get(key, _absent(value)) != value for key, value in wanted.items()):
        await requests.api(f"STREAM.UPDATE.{name}", wanted)


def _absent(value: object) -> object:
    """What a field means that the server left out (omitempty)."""
    return False if isinstance(value, bool) else 0


async def last_sequence(requests: Requests, stream: str) -> int:
    """The last sequence of the whole js_stream."""
    return int((await requests.api(f"STREAM.INFO.{stream}"))["state"]["last_seq"])


async def usage(requests: Requests, stream: str) -> Usage:
    """Bytes and sequences of the whole js_stream."""
    info = await requests.api(f"STREAM.INFO.{stream}")
    state = info["state"]
    return Usage(state["bytes"], info["config"]["max_bytes"], state["first_seq"], state["last_seq"])


async def purge(requests: Requests, stream: str, subject: str, below: int) -> None:
    """Forget entries of a subject."""
    body: dict[str, Any] = {"filter": subject}
    if below:
        body["seq"] = below
    await requests.api(f"STREAM.PURGE.{stream}", body)
