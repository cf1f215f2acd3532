"""The metrics service over HTTP: / and /tables for people, /api/… for programs. Aggregates only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from natter.runtime.ops import http_problem, problem
from natter.storage.aggregates import USERS_MIN
from natter.storage.clickhouse import StorageError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import page
from .dashboard import MINUTES, Dashboard
from .overview import MINUTES_MAX, Overview, Overviews

MINUTES_DEFAULT = 60
HEADERS = {
    "content-security-policy": page.CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
WEB = Path(__file__).parent / "web"
# The page runs scripts of its own origin; the chart library writes styles.
PAGE_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
}
FILE_HEADERS = {"cache-control": "public, max-age=3600"}


def chart_library() -> Path:
    """plotly.js, which comes with the Python package; that itself is never imported."""
    found = find_spec("plotly")
    assert found is not None and found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / "package_data" / "plotly.min.js"


FILES = {"page.js": WEB / "page.js", "page.css": WEB / "page.css", "plotly.min.js": chart_library()}
RAW_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]


class SafeHeaders:
    """Adds these headers to every answer that does not have them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = list(message.get("headers", []))
                # An answer that has its own keeps it.
                names = {name for name, _ in given}
                message["headers"] = given + [header for header in RAW_HEADERS if header[0] not in names]
            await send(message)

        await self.app(scope, receive, with_headers)


def site(overviews: Overviews, dashboard: Dashboard, *, domain: str, failing: Callable[[], bool]) -> Starlette:
    """The application."""

    async def home(_: Request) -> Response:
        return FileResponse(WEB / "page.html", media_type="text/html", headers=PAGE_HEADERS)

    async def web(request: Request) -> Response:
        place = FILES.get(request.path_params["name"])
        if place is None:
            return problem(404, "there is no such file")
        return FileResponse(place, headers=FILE_HEADERS)

    async def activity(request: Request) -> Response:
        text = request.query_params.get("minutes", str(MINUTES[0]))
        if text not in map(str, MINUTES):
            return problem(400, f"minutes is one of {', '.join(map(str, MINUTES))}")
        try:
            return JSONResponse(await dashboard.document(int(text)))
        except StorageError:
            return problem(503, "ClickHouse does not answer")

    async def tables(_: Request) -> Response:
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
        routes=[
            Route("/", home),
            Route("/web/{name}", web),
            Route("/tables", tables),
            Route("/api/activity", activity),
            Route("/api/stanzas", stanzas),
        ],
        # The chart library is five megabytes, and a third of that compressed.
        middleware=[Middleware(SafeHeaders), Middleware(GZipMiddleware, minimum_size=1000, compresslevel=6)],
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
