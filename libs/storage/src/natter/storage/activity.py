"""Questions of the dashboard page: how much, how fast, how many people, where, when, with what outcome.

Sums and estimates; a number of people under ten is withheld, and so is a room of fewer. Everything variable is bound.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from .aggregates import USERS_MIN, aware
from .clickhouse import ClickHouse

POINTS_MAX: Final = 360
ROOMS_MAX: Final = 20
# Single rows are kept for 14 days, sums for 13 months.
ROOM_MINUTES_MAX: Final = 60 * 24 * 14

SPAN: Final = "minute >= {since:DateTime('UTC')} AND minute < {until:DateTime('UTC')}"
STEP: Final = "toStartOfInterval(minute, toIntervalMinute({step:UInt32}), 'UTC')"
RATES: Final = f"""
SELECT {STEP} AS at, toString(kind) AS kind, toString(direction) AS direction, sum(m.stanzas) AS stanzas
FROM stanza_minutes AS m WHERE {SPAN} GROUP BY at, kind, direction ORDER BY at, kind, direction LIMIT 10000
"""
LATENCIES: Final = f"""
SELECT {STEP} AS at, quantilesTDigestIfMerge(0.5, 0.95, 0.99)(m.latency_us) AS latency
FROM stanza_minutes AS m WHERE {SPAN} AND kind = 'message' AND direction = 'out' GROUP BY at ORDER BY at LIMIT 1000
"""
# Pseudonyms of different keys cannot be compared: of a day in which the key was changed, the larger number.
DAYS: Final = f"""
SELECT day, max(people) AS users FROM
(
    SELECT toStartOfDay(minute, 'UTC') AS day, key_epoch, uniqCombined64Merge(12)(m.users) AS people
    FROM stanza_minutes AS m WHERE {SPAN} AND direction = 'in' GROUP BY day, key_epoch
)
GROUP BY day ORDER BY day LIMIT 400
"""
ROOMS: Final = """
SELECT room_hash, key_epoch, count() AS messages, uniqCombined64(12)(from_hash) AS people FROM stanza_events
WHERE time >= {since:DateTime('UTC')} AND time < {until:DateTime('UTC')}
    AND room_hash != 0 AND kind = 'message' AND direction = 'in'
GROUP BY room_hash, key_epoch HAVING people >= {users_min:UInt32}
ORDER BY messages DESC, room_hash LIMIT {rooms_max:UInt32}
"""
OUTCOMES: Final = f"""
SELECT outcome, sum(m.stanzas) AS stanzas FROM stanza_minutes AS m WHERE {SPAN}
GROUP BY outcome ORDER BY stanzas DESC, outcome LIMIT 50
"""
HOURS: Final = f"""
SELECT toDayOfWeek(minute) AS weekday, toHour(minute) AS hour, sum(m.stanzas) AS stanzas
FROM stanza_minutes AS m WHERE {SPAN} AND direction = 'in' GROUP BY weekday, hour ORDER BY weekday, hour LIMIT 168
"""

Rows = Sequence[Mapping[str, Any]]


def step_of(minutes: int) -> int:
    """Minutes of one point, so that there are at most POINTS_MAX."""
    return max(1, -(-minutes // POINTS_MAX))


async def activity(clickhouse: ClickHouse, *, since: datetime, until: datetime) -> dict[str, list[dict[str, Any]]]:
    """Everything the page shows of a span of whole minutes, ready for JSON. Raises StorageError."""
    minutes = round((until - since).total_seconds() / 60)
    span = {"since": since.astimezone(UTC), "until": until.astimezone(UTC)}
    step = step_of(minutes)
    stepped = {**span, "step": step}
    rooms: Rows = []
    if minutes <= ROOM_MINUTES_MAX:
        rooms = await clickhouse.rows(ROOMS, {**span, "users_min": USERS_MIN, "rooms_max": ROOMS_MAX})
    return {
        "rates": [rate(row, step) for row in await clickhouse.rows(RATES, stepped)],
        "latencies": [found for row in await clickhouse.rows(LATENCIES, stepped) if (found := latency(row))],
        "days": [day(row) for row in await clickhouse.rows(DAYS, span)],
        "rooms": [room(row) for row in rooms],
        "outcomes": [dict(row) for row in await clickhouse.rows(OUTCOMES, span)],
        "hours": [dict(row) for row in await clickhouse.rows(HOURS, span)],
    }


def rate(row: Mapping[str, Any], step: int) -> dict[str, Any]:
    """Stanzas per second over one point."""
    per_second = round(row["stanzas"] / (60 * step), 3)
    return {"at": moment(row["at"]), "kind": row["kind"], "direction": row["direction"], "per_second": per_second}


def latency(row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Quantiles in milliseconds; None where nothing was measured."""
    values: Sequence[float] = row["latency"]
    if len(values) != 3 or values[0] != values[0] or not values[2] > 0:
        return None
    p50, p95, p99 = (round(value / 1000, 2) for value in values)
    return {"at": moment(row["at"]), "p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def day(row: Mapping[str, Any]) -> dict[str, Any]:
    """Who said something on a day; null for fewer than ten."""
    users = int(row["users"])
    return {"day": moment(row["day"])[:10], "users": users if users >= USERS_MIN else None}


def room(row: Mapping[str, Any]) -> dict[str, Any]:
    """A room by its pseudonym, as `natter pseudonym` prints it."""
    return {"room": f"{row['room_hash']:016x}", "messages": row["messages"], "users": row["people"]}


def moment(value: datetime) -> str:
    """UTC, as JSON has it."""
    return aware(value).isoformat()
