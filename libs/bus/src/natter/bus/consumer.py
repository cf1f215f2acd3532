"""An ordered, endless read of a js_stream through an ephemeral pull consumer that is replaced whenever in doubt.

Hot path: messages come straight from the socket (wire.py); per message one split of the reply subject, two integers,
one Entry, one call.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from natter.telemetry import names

from .api import BusError, Entry, Start
from .connection import Connection
from .headers import fields, operation, status
from .js_stream import last_sequence
from .requests import Requests

log = logging.getLogger(__name__)

EXPIRES_SECONDS = 20.0
HEARTBEAT_SECONDS = 3.0
# No message, no heartbeat and no status for so long: the consumer is gone.
SILENCE_SECONDS_MAX = 3 * HEARTBEAT_SECONDS
# The server forgets the consumer when nobody pulls for so long.
INACTIVE_SECONDS = 30.0
PULL_BYTES_MAX = 8 << 20
BACKOFF_SECONDS_MAX = 2.0


class Consumer:
    """`Subscription` over JetStream. `position` is the last sequence that was taken from the server."""

    def __init__(
        self,
        connection: Connection,
        requests: Requests,
        stream: str,
        subjects: Sequence[str],
        callback: Callable[[Entry], None],
        on_caught_up: Callable[[], None] | None,
        in_flight_max: int,
        on_stop: Callable[[Consumer], None],
    ) -> None:
        self._connection = connection
        self._requests = requests
        self._stream = stream
        self._subjects = list(subjects)
        self._callback = callback
        self._on_caught_up = on_caught_up
        self._in_flight_max = in_flight_max
        self._on_stop = on_stop
        self._position = 0
        self._last_per_subject = False
        # Of the present js_consumer.
        self._name = ""
        self._sid = b""
        self._inbox = ""
        self._next_in_consumer = 1
        self._first_field = 0
        self._asked = 0
        self._behind = 0
        # The server's count of what it has not sent yet, as the last message said it.
        self._unsent = b"0"
        self._heard = 0
        self._heard_before = (0, 0)
        self._silent_since = 0.0
        # What arrived while paused; at most what was asked for.
        self._held: deque[Entry] = deque()
        self._paused = self._stopped = False
        self._mending: asyncio.Task[None] | None = None

    async def start(self, start: Start | int) -> None:
        """Begin to read. `NoStream`, `Unavailable`."""
        match start:
            case Start.ALL:
                self._position = 0
            case Start.LAST_PER_SUBJECT:
                self._last_per_subject = True
            case Start.NEW:
                self._position = await last_sequence(self._requests, self._stream)
            case _:
                self._position = max(0, int(start) - 1)
        await self._make()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        while self._held and not self._paused and not self._stopped:
            self._give(self._held.popleft())
        if not self._paused:
            self._ask()

    @property
    def behind(self) -> int:
        return int(self._unsent) + len(self._held)

    async def stop(self) -> None:
        if self._stopped:
            return
        self._stopped = True
        self._on_stop(self)
        if self._mending is not None:
            self._mending.cancel()
        self._held.clear()
        self._drop()

    def reconnected(self) -> None:
        """The connection was lost and is back: what was on its way is lost."""
        if self._mending is not None:
            # It may be sleeping between two attempts.
            self._mending.cancel()
            self._mending = None
        self.mend("reconnected")

    def sweep(self, now: float) -> None:
        """Look for silence."""
        heard = (self._next_in_consumer, self._heard)
        if heard != self._heard_before or self._paused or self._mending or not self._connection.up:
            self._heard_before = heard
            self._silent_since = now
        elif now - self._silent_since > SILENCE_SECONDS_MAX:
            self.mend("silence")

    def mend(self, why: str) -> None:
        """Replace the js_consumer and go on behind the last entry taken."""
        if self._stopped or self._mending is not None:
            return
        log.info("consumer of %s is replaced: %s", self._stream, why)
        names.CONSUMERS_REPLACED.add(why.partition(" ")[0])
        self._drop()
        self._mending = self._connection.loop.create_task(self._mend())

    async def _mend(self) -> None:
        attempt = 0
        while not self._stopped:
            try:
                # Sequences of a js_stream that was lost (kept in memory) start again.
                if await last_sequence(self._requests, self._stream) < self._position:
                    self._position = 0
                await self._make()
                break
            except BusError as error:
                attempt += 1
                if attempt in (5, 50, 500):
                    log.warning("consumer of %s cannot be replaced: %r", self._stream, error)
            except Exception:
                attempt += 1
                log.exception("consumer of %s cannot be replaced", self._stream)
            ceiling = min(BACKOFF_SECONDS_MAX, 0.05 * 2 ** min(attempt, 8))
            await asyncio.sleep(random.uniform(ceiling / 2, ceiling))
        self._mending = None

    async def _make(self) -> None:
        name = f"natter_{secrets.token_hex(8)}"
        answer = await self._requests.api(
            f"CONSUMER.CREATE.{self._stream}.{name}",
            {"stream_name": self._stream, "config": self._configuration(name), "action": "create"},
        )
        if self._stopped:
            self._name = name
            self._drop()
            return
        self._name = name
        self._next_in_consumer = 1
        self._first_field = 0
        self._asked = 0
        self._heard = 0
        self._behind = int(answer.get("num_pending", 0))
        self._inbox = f"{self._connection.inbox}.c.{name}"
        self._sid = self._connection.subscribe(self._inbox, self._on_message)
        if not self._behind:
            self._caught_up()
        self._ask()

    def _configuration(self, name: str) -> dict[str, Any]:
        configuration: dict[str, Any] = {
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": True,
            "num_replicas": 1,
            "max_waiting": 64,
            "inactive_threshold": round(INACTIVE_SECONDS * 1e9),
        }
        if len(self._subjects) == 1:
            configuration["filter_subject"] = self._subjects[0]
        else:
            configuration["filter_subjects"] = self._subjects
        if self._position:
            configuration["deliver_policy"] = "by_start_sequence"
            configuration["opt_start_seq"] = self._position + 1
        else:
            configuration["deliver_policy"] = "last_per_subject" if self._last_per_subject else "all"
        return configuration

    def _drop(self) -> None:
        """Let go of the present js_consumer. Best effort: the server forgets it anyway."""
        self._connection.unsubscribe(self._sid)
        if self._name and self._connection.up:
            subject = f"$JS.API.CONSUMER.DELETE.{self._stream}.{self._name}"
            self._connection.write(f"PUB {subject} 0\r\n\r\n".encode())
        self._name = ""

    def _ask(self) -> None:
        """Keep the server supplied with requests, before the last one runs dry."""
        if self._asked > self._in_flight_max >> 1 or self._paused or self._held or not self._name:
            return
        batch = self._in_flight_max - self._asked
        self._asked += batch
        body = (
            f'{{"batch":{batch},"expires":{round(EXPIRES_SECONDS * 1e9)},'
            f'"idle_heartbeat":{round(HEARTBEAT_SECONDS * 1e9)},"max_bytes":{PULL_BYTES_MAX}}}'
        )
        if self._connection.up:
            subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._name}"
            self._connection.write(f"PUB {subject} {self._inbox} {len(body)}\r\n{body}\r\n".encode())

    def _on_message(self, subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
        if header[8:9] == b" ":
            self._on_status(header)
            return
        # ADR-15: $JS.ACK.<stream>.<consumer>.<delivered>.<sequence>.<in consumer>.<time>.<pending>, or with domain and
        # account in front of the stream and a random token behind.
        words = reply.split(b".")
        first = self._first_field or self._learn(words)
        in_consumer = int(words[first + 1])
        if in_consumer != self._next_in_consumer:
            self.mend("gap")
            return
        self._next_in_consumer = in_consumer + 1
        self._position = sequence = int(words[first])
        self._asked -= 1
        self._unsent = words[first + 3]
        entry = Entry(subject.decode(), sequence, payload, operation(header))
        if self._paused or self._held:
            self._held.append(entry)
        else:
            self._give(entry)
        if self._on_caught_up is not None:
            self._behind -= 1
            if self._behind <= 0 or words[first + 3] == b"0":
                self._caught_up()
        if self._asked <= self._in_flight_max >> 1:
            self._ask()

    def _learn(self, words: list[bytes]) -> int:
        self._first_field = 5 if len(words) == 9 else 7
        return self._first_field

    def _give(self, entry: Entry) -> None:
        if self._stopped:
            return
        try:
            self._callback(entry)
        except Exception:
            names.POISON.add(self._stream)
            log.exception("poison entry", extra={"stream": self._stream, "sequence": entry.sequence})

    def _caught_up(self) -> None:
        """Everything that was there at first has been seen: now, or when the receiver takes what is held."""
        if self._on_caught_up is None:
            return
        done, self._on_caught_up = self._on_caught_up, None
        done()

    def _on_status(self, header: bytes) -> None:
        self._heard += 1
        code = status(header)
        if code == 100:
            # Only an idle consumer sends heartbeats.
            self._caught_up()
            return
        found = fields(header)
        if "Nats-Pending-Messages" in found:
            # The end of one request: time-out (408), or its bytes are used up (409).
            self._asked -= int(found["Nats-Pending-Messages"])
            self._ask()
            return
        self.mend(f"status {code} {found['']}")
