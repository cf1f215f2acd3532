"""Every subject and js_stream of natter, by name. Nothing else spells them.

JIDs never stand in a subject: `token` turns any text into one subject token.
"""

from __future__ import annotations

from base64 import b32hexencode
from functools import lru_cache
from hashlib import blake2b
from zlib import crc32

from .api import StreamSpec

LANES = "LANES"
DELIVERIES = "DELIVERIES"
SHARDS = "SHARDS"
JOURNALS = "JOURNALS"
AVAILABILITY = "AVAILABILITY"
FACTS = "FACTS"
ARCHIVE = "ARCHIVE"
CHAPTERS = "CHAPTERS"

STREAM_OF_PREFIX = {
    "lane": LANES,
    "deliver": DELIVERIES,
    "shard": SHARDS,
    "journal": JOURNALS,
    "availability": AVAILABILITY,
    "facts": FACTS,
    "archive": ARCHIVE,
}

# Key-value buckets.
SESSIONS = "sessions"
LEASES = "leases"
INSTANCES = "instances"
POSITIONS = "positions"
SNAPSHOTS = "snapshots"
PARKED = "parked"
CHECKPOINTS = "checkpoints"
BLOCKLISTS = "blocklists"
SEALS = "seals"

GIB = 1 << 30
INSTANCE_SECONDS = 5.0
# How long the archive's log is kept: as far back the archive can be made again from it.
ARCHIVE_SECONDS = 3 * 86400.0
# How long what happened in rooms is kept.
ROOM_SECONDS = 30 * 86400.0
# Bits of `Frame.rooms`.
ROOM_BITS = 64
# Tokens kept, some 200 bytes each: who logs in is named again when he is available, and when he goes.
TOKENS_KEPT_MAX = 2048


def streams(
    *,
    resume_seconds: float = 600.0,
    lease_seconds: float = 2.0,
    archive_seconds: float = ARCHIVE_SECONDS,
    room_seconds: float = ROOM_SECONDS,
    in_memory: bool = False,
    replicas: int = 1,
) -> tuple[StreamSpec, ...]:
    """The js_streams that natter needs, buckets too. Lanes, deliveries, shards are kept by age, the resume window."""

    def log(name: str, subject: str, windows: int = 1) -> StreamSpec:
        return StreamSpec(name, (subject,), 4 * GIB, windows * resume_seconds, in_memory=in_memory, replicas=replicas)

    return (
        log(LANES, "natter.lane.*"),
        # Who comes back at the end of the window is owed what came at its beginning, and has yet to read it.
        log(DELIVERIES, "natter.deliver.*", 2),
        log(SHARDS, "natter.shard.*.*"),
        StreamSpec(JOURNALS, ("natter.journal.>",), 16 * GIB, replicas=replicas),
        StreamSpec(
            AVAILABILITY, ("natter.availability.>",), 1 * GIB, per_subject_max=1, message_ttl=True, replicas=replicas
        ),
        StreamSpec(FACTS, ("natter.facts.>",), 1 * GIB, 3600.0, in_memory=in_memory, replicas=replicas),
        # Rising: its sequences are places in archives, which outlive it.
        StreamSpec(
            ARCHIVE,
            ("natter.archive.*",),
            8 * GIB,
            min(archive_seconds, resume_seconds) if in_memory else archive_seconds,
            in_memory=in_memory,
            replicas=replicas,
            rising=True,
        ),
        # The rooms' past: an archive may end earlier, a room must not stop.
        StreamSpec(
            CHAPTERS,
            ("natter.chapter.>",),
            8 * GIB,
            min(room_seconds, resume_seconds) if in_memory else room_seconds,
            in_memory=in_memory,
            replicas=replicas,
            drops_oldest=True,
        ),
        bucket_spec(SESSIONS, replicas=replicas),
        bucket_spec(LEASES, age_seconds=lease_seconds, in_memory=True, replicas=replicas),
        bucket_spec(INSTANCES, age_seconds=INSTANCE_SECONDS, in_memory=True, replicas=replicas),
        # What rooms are sealed with under profile zero, and never on disk.
        bucket_spec(SEALS, in_memory=True, bytes_max=1 << 16, replicas=replicas),
        bucket_spec(POSITIONS, replicas=replicas),
        bucket_spec(SNAPSHOTS, replicas=replicas),
        bucket_spec(CHECKPOINTS, age_seconds=2 * 86400.0, replicas=replicas),
        bucket_spec(BLOCKLISTS, replicas=replicas),
        bucket_spec(PARKED, age_seconds=7 * 86400.0, replicas=replicas),
    )


def bucket_spec(
    name: str,
    *,
    age_seconds: float = 0.0,
    replicas: int = 1,
    in_memory: bool = False,
    bytes_max: int = GIB,
) -> StreamSpec:
    """A key-value bucket as `nats kv` makes it (ADR-8), with one value of history."""
    return StreamSpec(
        kv_stream(name),
        (f"$KV.{name}.>",),
        bytes_max,
        age_seconds,
        per_subject_max=1,
        in_memory=in_memory,
        replicas=replicas,
        message_ttl=True,
    )


def kv_stream(bucket: str) -> str:
    """The js_stream below a bucket."""
    return f"KV_{bucket}"


def kv_key(bucket: str, key: str) -> str:
    """The subject of one key."""
    return f"$KV.{bucket}.{key}"


@lru_cache(maxsize=TOKENS_KEPT_MAX)
def token(text: str) -> str:
    """`text` as one subject token. Injective and reversible (`untoken`) up to 64 bytes, then hashed."""
    raw = text.encode()
    if len(raw) > 64:
        raw = blake2b(raw, digest_size=20).digest()
        return "H" + b32hexencode(raw).decode().rstrip("=")
    return "T" + b32hexencode(raw).decode().rstrip("=")


def untoken(text: str) -> str | None:
    """What `token` was given; None where it was hashed."""
    if text[:1] != "T":
        return None
    # base32hex writes digits of base 32: read as a number they cost an eighth of what the library takes.
    bits = len(text) * 5 - 5
    return (int(text[1:] or "0", 32) >> bits % 8).to_bytes(bits // 8, "big").decode()


def lane(number: int) -> str:
    """What one gateway's clients said."""
    return f"natter.lane.{number}"


def deliver(gateway: str) -> str:
    """What one gateway incarnation must write."""
    return f"natter.deliver.{gateway}"


# What stands there once somebody has taken the gateway for dead and hands its deliveries back.
TAKEN_FOR_DEAD = b"dead"


def delivered(gateway: str) -> str:
    """The key, in bucket "positions", of how far a gateway has written its deliveries."""
    return f"deliver.{gateway}"


def shard(kind: str, number: int) -> str:
    """Work for the holder of a shard. `kind`: "user" (presence), "room" (muc), "account" (accounts)."""
    return f"natter.shard.{kind}.{number}"


def archive(number: int) -> str:
    """What the archives of a part of the users must keep, what waits for them, and what they ask."""
    return f"natter.archive.{number}"


def journal(kind: str, entity: str) -> str:
    """The events of one entity. `kind`: "account", "roster", "room"."""
    return f"natter.journal.{kind}.{token(entity)}"


def journals(kind: str) -> str:
    """The journals of every entity of a kind: a wildcard."""
    return f"natter.journal.{kind}.*"


def chapter(room: str, life: str, number: int) -> str:
    """A part of a room's past: its journal entries round a fixed count of archived messages."""
    return f"natter.chapter.{token(room)}.{life}.{number}"


def chapters(room: str, life: str = "*") -> str:
    """All of a room's past: a wildcard."""
    return f"natter.chapter.{token(room)}.{life}.*"


def availability(shard_number: int, jid: str) -> str:
    """The last presence of one full JID, below its user's shard."""
    return f"natter.availability.{shard_number}.{token(jid)}"


def facts(instance: str) -> str:
    """Stanza metadata for the metrics service."""
    return f"natter.facts.{token(instance)}"


def stream_of(subject: str) -> str:
    """The js_stream that keeps an envelope's or facts' subject."""
    return STREAM_OF_PREFIX[subject.split(".", 2)[1]]


def rpc(service: str, verb: str) -> str:
    """A request to a service (core NATS)."""
    return f"natter.rpc.{service}.{verb}"


def shard_of(entity: str, count: int) -> int:
    """The shard of a bare JID: the same in every process and version."""
    return crc32(entity.encode()) % count


def room_bit(room: str) -> int:
    """What a room is in `Frame.rooms`."""
    return 1 << crc32(room.encode()) % ROOM_BITS
