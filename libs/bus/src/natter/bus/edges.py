"""Who says what to whom on the bus, per service: NATS permissions, NetworkPolicies and a page of docs follow from it.

A service that uses a subject or js_stream which does not stand here is refused by NATS in a cluster
(tests/chart/test_permissions.py runs a whole system under these permissions).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from . import subjects
from .subjects import kv_stream

# Subjects by what they are for; `*` stands for one token.
LANE = "natter.lane.*"
DELIVER = "natter.deliver.*"
USER_SHARD = "natter.shard.user.*"
ROOM_SHARD = "natter.shard.room.*"
ACCOUNT_SHARD = "natter.shard.account.*"
ARCHIVE_SHARD = "natter.archive.*"
FACTS = "natter.facts.*"
AVAILABILITY = "natter.availability.*.*"

# What every holder of lanes or shards writes to share them (holder.py).
HOLDING = (subjects.LEASES, subjects.INSTANCES, subjects.POSITIONS, subjects.PARKED)


@dataclass(frozen=True, slots=True)
class Edges:
    """One service's part. Whoever writes a bucket may read it as well."""

    service: str
    # Subjects, and buckets by name.
    writes: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()
    # js_streams, and buckets by name: what is read and not written.
    reads: tuple[str, ...] = ()
    looks: tuple[str, ...] = ()
    # js_streams of which it may forget what is done with.
    purges: tuple[str, ...] = ()
    # Request subjects that it answers, and those that it asks.
    serves: tuple[str, ...] = ()
    asks: tuple[str, ...] = ()
    # Brings js_streams to what the settings say, and not only makes those that are missing.
    changes_streams: bool = False
    # Other connections than NATS: (name, port) of what stands in the chart's values.
    outside: tuple[str, ...] = ()


EDGES = (
    Edges(
        "gateway",
        writes=(LANE, DELIVER, FACTS),
        buckets=(subjects.SESSIONS, subjects.INSTANCES, subjects.POSITIONS, subjects.CHECKPOINTS),
        reads=(subjects.DELIVERIES, subjects.LANES, subjects.JOURNALS),
        # Its own log (ADR 0011); presence those of gateways that are gone.
        purges=(subjects.DELIVERIES,),
        asks=(subjects.rpc("accounts", "credentials"), subjects.rpc("accounts", "register")),
    ),
    Edges(
        "router",
        writes=(DELIVER, USER_SHARD, ROOM_SHARD, ACCOUNT_SHARD, ARCHIVE_SHARD, FACTS),
        buckets=(*HOLDING, subjects.BLOCKLISTS),
        reads=(subjects.LANES,),
        looks=(subjects.SESSIONS,),
        purges=(subjects.LANES,),
        changes_streams=True,
    ),
    Edges(
        "presence",
        # Lanes: what a dead gateway had not written goes back there (ADR 0010).
        writes=(DELIVER, USER_SHARD, ROOM_SHARD, LANE, "natter.journal.roster.*", AVAILABILITY),
        buckets=(*HOLDING, subjects.SNAPSHOTS, subjects.SESSIONS, "logouts"),
        reads=(subjects.SHARDS, subjects.JOURNALS, subjects.AVAILABILITY, subjects.DELIVERIES),
        looks=(subjects.BLOCKLISTS,),
        purges=(subjects.SHARDS, subjects.JOURNALS, subjects.DELIVERIES),
    ),
    Edges(
        "muc",
        # Room shards: an operator's wish goes through the room's holder.
        writes=(DELIVER, ROOM_SHARD, "natter.journal.room.*", "natter.chapter.*.*.*", FACTS),
        buckets=(*HOLDING, subjects.SNAPSHOTS, subjects.SEALS, "rooms"),
        reads=(subjects.SHARDS, subjects.JOURNALS, subjects.CHAPTERS),
        looks=(subjects.SESSIONS, subjects.BLOCKLISTS),
        purges=(subjects.SHARDS, subjects.JOURNALS, subjects.CHAPTERS),
        serves=(subjects.rpc("muc", "*"),),
    ),
    Edges(
        "accounts",
        writes=(DELIVER, USER_SHARD, "natter.journal.account.*"),
        buckets=(*HOLDING, subjects.BLOCKLISTS, "secrets"),
        # All but the first two: where a message is, when an operator asks (ADR 0019).
        reads=(
            subjects.SHARDS,
            subjects.JOURNALS,
            subjects.LANES,
            subjects.DELIVERIES,
            subjects.ARCHIVE,
            subjects.FACTS,
        ),
        looks=(subjects.SESSIONS, subjects.CHECKPOINTS),
        purges=(subjects.SHARDS,),
        asks=(subjects.rpc("archive", "written"),),
        serves=(subjects.rpc("accounts", "*"),),
    ),
    Edges(
        "archive",
        writes=(DELIVER,),
        buckets=HOLDING,
        reads=(subjects.ARCHIVE, subjects.JOURNALS),
        # Rosters: whom their owners want archived.
        looks=(subjects.SESSIONS, subjects.SNAPSHOTS, subjects.BLOCKLISTS),
        purges=(subjects.ARCHIVE,),
        serves=(subjects.rpc("archive", "*"),),
        outside=("sql",),
    ),
    Edges(
        "metrics",
        # The lease: who tells Kubernetes the pods' costs.
        buckets=(subjects.POSITIONS, subjects.PARKED, subjects.LEASES),
        reads=(subjects.FACTS,),
        looks=(subjects.INSTANCES,),
        outside=("clickhouse",),
    ),
    # Who runs `natter user`, `natter room` and `natter doctor` against a cluster.
    Edges("operator", asks=(subjects.rpc("accounts", "*"), subjects.rpc("muc", "*"), subjects.rpc("archive", "*"))),
)


def inbox(user: str) -> str:
    """What the reply subjects of a NATS user begin with: nobody else may listen there."""
    return f"_INBOX.{user}" if user else "_INBOX"


def publishes(edges: Edges, streams: Iterable[str]) -> list[str]:
    """The subjects that a service may publish on. `streams` are all js_streams of natter."""
    found = [*edges.writes, *edges.asks, *(f"$KV.{bucket}.>" for bucket in edges.buckets)]
    found += ["$JS.API.INFO", "$JS.API.STREAM.INFO.*"]
    if edges.service == "operator":
        return found
    # Making what exists is refused by NATS itself: this can only help after a js_stream in memory was lost.
    found += [f"$JS.API.STREAM.CREATE.{name}" for name in streams]
    if edges.changes_streams:
        found += [f"$JS.API.STREAM.UPDATE.{name}" for name in streams]
    for name in (*edges.reads, *map(kv_stream, (*edges.buckets, *edges.looks))):
        found += [
            f"$JS.API.CONSUMER.CREATE.{name}.*",
            f"$JS.API.CONSUMER.DELETE.{name}.*",
            f"$JS.API.CONSUMER.MSG.NEXT.{name}.*",
            f"$JS.API.DIRECT.GET.{name}",
            f"$JS.API.DIRECT.GET.{name}.>",
        ]
    return found + [f"$JS.API.STREAM.PURGE.{name}" for name in edges.purges]


def subscribes(edges: Edges) -> list[str]:
    """The subjects that a service may listen on."""
    return [f"{inbox(edges.service)}.>", *edges.serves]


def stream_names() -> list[str]:
    """Every js_stream and bucket that some service uses."""
    buckets = {b for e in EDGES for b in (*e.buckets, *e.looks)}
    return sorted({s.name for s in subjects.streams()} | {kv_stream(b) for b in buckets})


def permissions(edges: Edges) -> dict[str, object]:
    """The `permissions` of a NATS user."""
    found: dict[str, object] = {
        "publish": {"allow": publishes(edges, stream_names())},
        "subscribe": {"allow": subscribes(edges)},
    }
    if edges.serves:
        # An answer may go to whoever asked, once.
        found["allow_responses"] = {"max": 1, "expires": "1m"}
    return found
