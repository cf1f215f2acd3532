"""The metrics service over HTTP: / for people, /api/stanzas for programs. Aggregates only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from natter.runtime.ops import http_problem, problem
from natter.storage.aggregates import USERS_MIN
from natter.storage.clickhouse import StorageError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import page
from .overview import MINUTES_MAX, Overview, Overviews

MINUTES_DEFAULT = 60
HEADERS = {
    "content-security-policy": page.CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class SafeHeaders:
    """Adds the same headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *RAW_HEADERS]
            await send(message)

        await self.app(scope, receive, with_headers)


def site(overviews: Overviews, *, domain: str, failing: Callable[[], bool]) -> Starlette:
    """The application."""

    async def home(_: Request) -> Response:
        try:
            overview = await overviews.last(MINUTES_DEFAULT)
        except StorageError:
            return HTMLResponse(page.unavailable(domain=domain), 503)
        return HTMLResponse(page.render(overview, domain=domain, failing=failing()))

    async def stanzas(request: Request) -> Response:
        text = request.query_params.get("minutes", str(MINUTES_DEFAULT))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MINUTES_MAX):
            return problem(400, f"minutes is a whole number from 1 to {MINUTES_MAX}")
        try:
            return JSONResponse(document(await overviews.last(int(text))))
        except StorageError:
            return problem(503, "ClickHouse does not answer")

    return Starlette(
        routes=[Route("/", home), Route("/api/stanzas", stanzas)],
        middleware=[Middleware(SafeHeaders)],
        exception_handlers={HTTPException: http_problem, Exception: http_problem},
    )


def document(overview: Overview) -> dict[str, Any]:
    """An overview as JSON. `users` is null for fewer than `users_min`."""
    return {
        "since": overview.since.isoformat(),
        "until": overview.until.isoformat(),
        "users_min": USERS_MIN,
        "stanzas": [asdict(group) for group in overview.groups],
        "minutes": [{**asdict(m), "minute": m.minute.isoformat()} for m in overview.minutes],
    }
