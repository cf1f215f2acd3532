"""Questions about stanzas. The answers are sums, and a number of users under ten is not told.

The only SQL that a web page may cause. Everything variable is a bound parameter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .clickhouse import ClickHouse

# A number of users below this is withheld.
USERS_MIN = 10
MINUTES_MAX = 60 * 24 * 31 * 13

GROUPED = """
SELECT
    toString(kind) AS kind,
    type,
    toString(direction) AS direction,
    outcome,
    sum(m.stanzas) AS stanzas,
    sum(m.bytes) AS bytes,
    uniqCombined64Merge(12)(m.users) AS users,
    quantilesTDigestIfMerge(0.5, 0.95, 0.99)(m.latency_us) AS latency
FROM stanza_minutes AS m
WHERE minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
GROUP BY kind, type, direction, outcome
ORDER BY kind, type, direction, outcome
LIMIT 1000
"""
BY_MINUTE = """
SELECT minute, toString(direction) AS direction, sum(m.stanzas) AS stanzas
FROM stanza_minutes AS m
WHERE minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}
GROUP BY minute, direction
ORDER BY minute, direction
LIMIT 10000
"""


@dataclass(frozen=True, slots=True)
class Group:
    """Stanzas of one kind, type, direction, outcome. `users` None: under USERS_MIN; latencies None: not measured."""

    kind: str
    type: str
    direction: str
    outcome: str
    stanzas: int
    bytes: int
    users: int | None
    p50_us: int | None
    p95_us: int | None
    p99_us: int | None


@dataclass(frozen=True, slots=True)
class Minute:
    """Stanzas of one minute and direction."""

    minute: datetime
    direction: str
    stanzas: int


async def groups(clickhouse: ClickHouse, *, since: datetime, until: datetime) -> list[Group]:
    """Sums per kind, type, direction and outcome over whole minutes."""
    rows = await clickhouse.rows(GROUPED, {"since": since.astimezone(UTC), "until": until.astimezone(UTC)})
    return [group(row) for row in rows]


async def minutes(clickhouse: ClickHouse, *, since: datetime, until: datetime) -> list[Minute]:
    """Stanzas per minute and direction; minutes without any are left out."""
    rows = await clickhouse.rows(BY_MINUTE, {"since": since.astimezone(UTC), "until": until.astimezone(UTC)})
    return [Minute(aware(row["minute"]), row["direction"], row["stanzas"]) for row in rows]


def group(row: dict[str, Any]) -> Group:
    """A row with small numbers of users withheld."""
    users = int(row["users"])
    latency: Sequence[float] = row["latency"]
    measured = len(latency) == 3 and latency[0] == latency[0] and latency[2] > 0
    p50, p95, p99 = (round(v) for v in latency) if measured else (None, None, None)
    return Group(
        row["kind"],
        row["type"],
        row["direction"],
        row["outcome"],
        int(row["stanzas"]),
        int(row["bytes"]),
        users if users >= USERS_MIN else None,
        p50,
        p95,
        p99,
    )


def aware(moment: datetime) -> datetime:
    """The engine's times are UTC; some versions do not say so."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
