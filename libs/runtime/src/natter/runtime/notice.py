"""The notice by which a process tells its launcher that it is ready, and where: a small JSON file, replaced at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

NOTICE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class Notice:
    """What one process says of itself. `endpoints`: name to host:port or address."""

    service: str
    instance: str
    pid: int
    endpoints: Mapping[str, str]


def write_atomically(path: Path, document: Mapping[str, Any], *, mode: int = 0o644) -> None:
    """Write JSON so that a reader sees the old text or the new one, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "w") as out:
        json.dump(document, out, indent=1)
        out.write("\n")
    temporary.replace(path)


def write(path: Path, notice: Notice) -> None:
    """Say it."""
    write_atomically(
        path,
        {
            "service": notice.service,
            "instance": notice.instance,
            "pid": notice.pid,
            "endpoints": dict(notice.endpoints),
        },
    )


def written_at(path: Path) -> int:
    """When it was replaced last, in nanoseconds; 0 where there is none. Much cheaper than reading it again."""
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def read(path: Path) -> Notice | None:
    """The notice, or None where there is none that can be read (yet)."""
    try:
        raw = path.read_bytes()
        found = json.loads(raw[:NOTICE_BYTES_MAX])
        return Notice(found["service"], found["instance"], int(found["pid"]), dict(found["endpoints"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
