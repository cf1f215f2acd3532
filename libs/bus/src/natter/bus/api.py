"""What the rest of natter may ask of the bus: the ports that the NATS and the in-memory backend both implement.

Everything above these primitives (key-value buckets, journals, leases, the session directory, batching) is written
once, on `Bus`, and therefore behaves the same on both backends. Payloads are bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

# nats-server's default max_payload is 1 MiB, headers included; `publish` raises ValueError above this.
PAYLOAD_BYTES_MAX = (1 << 20) - 4096


class BusError(Exception):
    """Base of everything the bus reports."""


class PublishUnknown(BusError):
    """No acknowledgement in time: the entry may be stored or not. Publish again with the same message id."""


class Unavailable(BusError):
    """The bus cannot be reached now, or too much is already waiting to be sent."""


class StreamFull(BusError):
    """The js_stream is at its byte limit and refuses new entries (discard=new)."""


class NoStream(BusError):
    """The js_stream that was named does not exist: `ensure_stream` was not called."""


class WrongRevision(BusError):
    """The subject's last sequence was not the expected one: somebody else wrote first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored message of a js_stream."""

    subject: str
    sequence: int
    payload: bytes
    # KV-Operation of a key-value entry: "" for a put, "DEL" or "PURGE" otherwise.
    operation: str = ""


@dataclass(frozen=True, slots=True)
class Dated:
    """An entry, and when it was stored: Unix microseconds of the server's clock."""

    entry: Entry
    stored_us: int


class Start(Enum):
    """Where a subscription begins when no sequence is given."""

    ALL = "all"
    NEW = "new"
    LAST_PER_SUBJECT = "last_per_subject"


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A js_stream as natter wants it. `bytes_max` with discard=new; 0 seconds means without age limit."""

    name: str
    subjects: tuple[str, ...]
    bytes_max: int
    age_seconds_max: float = 0.0
    per_subject_max: int = -1
    dedup_seconds: float = 120.0
    in_memory: bool = False
    replicas: int = 1
    # Whether `publish(ttl_seconds=…)` may be used (per-message TTL, nats-server 2.11).
    message_ttl: bool = False
    # Whether a js_stream that was lost and is made again goes on above the sequences that it had. The clock sees to it,
    # up to 10,000 entries per second on average. nats-server only; a bus in memory is lost as a whole.
    rising: bool = False
    # Whether the oldest entries make place at `bytes_max`, in place of refusing new ones.
    drops_oldest: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """How full a js_stream is. Sequences are 0 and 0 when nothing was ever stored."""

    bytes_used: int
    bytes_max: int
    first_sequence: int
    last_sequence: int


class Subscription(Protocol):
    """A running ordered read of a js_stream."""

    async def stop(self) -> None:
        """Stop calling back. Idempotent."""

    def pause(self) -> None:
        """Call back no more until `resume`: the receiver is full. What was already fetched is kept (bounded)."""

    def resume(self) -> None:
        """Go on where `pause` stopped."""

    @property
    def behind(self) -> int:
        """Entries not yet given to the callback, as of the last one that came."""


class Bus(Protocol):
    """The primitives. All coroutines raise `Unavailable` when the bus does not answer in time."""

    async def ensure_stream(self, spec: StreamSpec) -> None:
        """Create the js_stream or bring its configuration to `spec`."""

    def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        expect_last: int | None = None,
        operation: str = "",
        ttl_seconds: float = 0.0,
    ) -> asyncio.Future[int]:
        """Append to the js_stream that owns `subject`; the future gives the sequence once it is stored.

        Enqueues at once, without awaiting, in call order. `msg_id` makes it idempotent within the stream's
        deduplication window (the future of a duplicate gives the original's sequence). `expect_last` is the last
        sequence of this very subject (0: none yet); it is looked at before `msg_id`, so a repetition after
        `PublishUnknown` may raise `WrongRevision` because of itself (`kv` and `journal` clear that up). The future
        raises `PublishUnknown` (stored or not), or `StreamFull`, `WrongRevision`, `Unavailable` (surely not stored).
        What can never be published (payload above PAYLOAD_BYTES_MAX, blanks in the subject) is a ValueError at once.
        """

    async def subscribe(
        self,
        stream: str,
        subjects: Sequence[str],
        callback: Callable[[Entry], None],
        *,
        start: Start | int = Start.ALL,
        on_caught_up: Callable[[], None] | None = None,
        in_flight_max: int = 256,
    ) -> Subscription:
        """Call `callback` for every entry in stream order, none left out, none twice, until stopped.

        `start` may be a sequence (inclusive). The callback is synchronous and runs on the event loop; what it raises
        ends the subscription's current position: the entry is logged and counted as poison and reading goes on.
        `on_caught_up` is called once, when everything that was stored at the time of subscribing has been seen (at once
        for an empty one). A lost connection or consumer is mended inside, without gap.
        """

    async def last(self, stream: str, subject: str) -> Entry | None:
        """The newest entry of exactly this subject."""

    async def last_many(self, stream: str, subjects: str) -> list[Entry]:
        """The newest entry of every subject that matches the wildcard, ordered by sequence."""

    async def read(self, stream: str, subject: str, *, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Up to `limit` entries of this subject (wildcards allowed) with a sequence above `after`, in order."""

    async def dated(
        self, stream: str, subject: str, *, after: int = 0, since_us: int = 0, limit: int = 100
    ) -> list[Dated]:
        """`read`, with times. `since_us`, in place of `after`: entries that were stored then and later."""

    async def last_sequence(self, stream: str) -> int:
        """The sequence of the newest entry of the whole js_stream; 0 for an empty one."""

    async def usage(self, stream: str) -> Usage:
        """How full the js_stream is."""

    async def purge(self, stream: str, subject: str, *, below: int = 0) -> None:
        """Forget the subject's entries: all of them, or those with a sequence under `below`."""

    async def request(self, subject: str, payload: bytes, *, seconds_max: float = 2.0) -> bytes:
        """Ask whoever serves `subject` (core NATS). `Unavailable` when nobody does or no answer came."""

    def respond(self, subject: str, handler: Handler) -> None:
        """Serve requests on `subject` (core NATS); instances share them."""

    def connected(self) -> bool:
        """Whether the bus can be used now: readiness."""

    def pending_bytes(self) -> int:
        """Bytes handed to `publish` and not yet acknowledged: what back-pressure looks at."""

    async def close(self) -> None:
        """Flush, then disconnect."""


Handler = Callable[[bytes], Awaitable[bytes]]
