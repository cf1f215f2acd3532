"""The js_streams and buckets as this system's settings want them, and NATS addresses fit to be shown."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from natter.bus.api import Bus, BusError, StreamSpec, Unavailable
from natter.bus.subjects import streams

from .sections import BusSection

# Profile zero keeps lanes and deliveries in memory: as little, and as short, as hand-over between processes needs.
ZERO_RESUME_SECONDS_MAX = 60.0
MEMORY_BYTES_MAX = 256 << 20


class Refused(BusError):
    """JetStream answers and does not do it: waiting would not help."""


def specs(settings: BusSection, profile: Literal["full", "zero"]) -> tuple[StreamSpec, ...]:
    """Every js_stream natter needs."""
    zero = profile == "zero"
    wanted = streams(
        resume_seconds=min(settings.resume_seconds, ZERO_RESUME_SECONDS_MAX) if zero else settings.resume_seconds,
        lease_seconds=settings.lease_seconds,
        archive_seconds=settings.archive_hours * 3600.0,
        # No days: nobody writes there.
        room_seconds=settings.room_days * 86_400.0 or 86_400.0,
        in_memory=zero,
        replicas=settings.replicas,
    )
    # What is in memory is made again after each restart of nats-server, while journals on file know its sequences.
    given = {str(name): size for name, size in settings.bytes_max.items()}
    return tuple(
        replace(
            s,
            bytes_max=given.get(s.name, min(s.bytes_max, MEMORY_BYTES_MAX) if s.in_memory else s.bytes_max),
            rising=s.in_memory,
        )
        for s in wanted
    )


async def ensure(bus: Bus, settings: BusSection, profile: Literal["full", "zero"]) -> None:
    """Create what is missing and bring the rest to the settings. `Refused` when a js_stream cannot be changed so."""
    for spec in specs(settings, profile):
        try:
            await bus.ensure_stream(spec)
        except Unavailable:
            raise
        except BusError as error:
            hint = "; this data was made with the other profile" if "storage type" in str(error) else ""
            raise Refused(f"js_stream {spec.name}: {error}{hint}") from None


def without_secret(url: str) -> str:
    """A NATS address without the user and password that may stand in it."""
    return re.sub(r"//[^@/,]*@", "//", url)


def host_port(url: str) -> str:
    """The first server of a NATS address, host:port."""
    first = without_secret(url).partition(",")[0].rpartition("//")[2].rstrip("/")
    return first if ":" in first.rpartition("]")[2] else f"{first}:4222"
