"""Requests with one or several answers, over one reply subscription; and answering those of others."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from .api import Handler, Unavailable
from .connection import Connection
from .errors import error_of
from .headers import status
from .wire import OnMessage

log = logging.getLogger(__name__)

API_SECONDS_MAX = 5.0
# Requests that one process serves at the same time; above it they are not answered.
SERVED_MAX = 1024

T = TypeVar("T")


class Requests:
    """Requests in flight. All of them fail with `Unavailable` when the connection is lost."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._prefix = f"{connection.inbox}.r."
        self._cut = len(self._prefix)
        self._count = 0
        self._waiting: dict[bytes, tuple[OnMessage, asyncio.Future[Any]]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        connection.subscribe(self._prefix + "*", self._on_reply)
        connection.on_down.append(self._on_down)

    async def ask(
        self,
        subject: str,
        payload: bytes,
        on_reply: OnMessage,
        future: asyncio.Future[T],
        *,
        seconds_max: float | None = None,
    ) -> T:
        """Send a request, give every answer to `on_reply` until it has resolved `future`. None: `API_SECONDS_MAX`."""
        if " " in subject or not subject.isprintable():
            raise ValueError(f"not a subject: {subject!r}")
        seconds_max = API_SECONDS_MAX if seconds_max is None else seconds_max
        self._count += 1
        token = str(self._count).encode()
        self._waiting[token] = (on_reply, future)
        try:
            self._connection.write(
                b"PUB %b %b%b %d\r\n%b\r\n" % (subject.encode(), self._prefix.encode(), token, len(payload), payload)
            )
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the result.
            async with asyncio.timeout(seconds_max):
                return await future
        except TimeoutError as error:
            raise Unavailable(f"no answer on {subject} within {seconds_max} s") from error
        finally:
            self._waiting.pop(token, None)

    async def one(self, subject: str, payload: bytes, *, seconds_max: float | None = None) -> tuple[bytes, bytes]:
        """Header block and payload of the first answer. `Unavailable` when nobody listens."""
        future: asyncio.Future[tuple[bytes, bytes]] = self._connection.loop.create_future()

        def on_reply(subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
            if not future.done():
                future.set_result((header, payload))

        header, answer = await self.ask(subject, payload, on_reply, future, seconds_max=seconds_max)
        if status(header) == 503:
            raise Unavailable(f"nobody serves {subject}")
        return header, answer

    async def api(self, verb: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call the JetStream API ("STREAM.INFO.LANES"); the answer, or the exception for its error."""
        payload = json.dumps(body).encode() if body is not None else b""
        _, answer = await self.one(f"$JS.API.{verb}", payload)
        decoded: dict[str, Any] = json.loads(answer)
        if "error" in decoded:
            raise error_of(decoded["error"])
        return decoded

    def respond(self, subject: str, handler: Handler) -> None:
        """Serve requests; instances of one service share them."""

        def on_request(subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
            if not reply or len(self._serving) >= SERVED_MAX:
                return
            task = self._connection.loop.create_task(self._serve(handler, reply, payload))
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)

        self._connection.subscribe(subject, on_request, queue="natter")

    async def _serve(self, handler: Handler, reply: bytes, payload: bytes) -> None:
        try:
            answer = await handler(payload)
            self._connection.write(b"PUB %b %d\r\n%b\r\n" % (reply, len(answer), answer))
        except Unavailable:
            pass
        except Exception:
            log.exception("request handler failed")

    def _on_reply(self, subject: bytes, reply: bytes, header: bytes, payload: bytes) -> None:
        waiting = self._waiting.get(subject[self._cut :])
        if waiting is not None:
            waiting[0](subject, reply, header, payload)

    def _on_down(self) -> None:
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(Unavailable("connection lost"))
