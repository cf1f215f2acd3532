"""Operations over HTTP, for the operator only: /healthz (the loop turns), /readyz (takes work), /metrics, /drain."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from http import HTTPStatus

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from .addresses import is_loopback

CONNECTIONS_MAX = 64
KEEP_ALIVE_SECONDS_MAX = 30
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def problem(status: int, detail: str) -> JSONResponse:
    """An error as a problem document."""
    # RFC 9457 §4.2.1: without a type of its own, the title is the status phrase.
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return JSONResponse(body, status_code=status, media_type="application/problem+json")


async def http_problem(_: Request, error: Exception) -> Response:
    """Starlette's handler of HTTP errors."""
    if isinstance(error, HTTPException):
        answer = problem(error.status_code, str(error.detail))
        answer.headers.update(error.headers or {})
        return answer
    return problem(500, "")


def page(
    not_ready: Callable[[], Sequence[str]], metrics: Callable[[], str], drain: Callable[[], None] | None = None
) -> Starlette:
    """The application. `not_ready` names the conditions that do not hold; `drain` is what POST /drain does."""

    async def healthz(_: Request) -> Response:
        # That this runs is the answer. Never NATS: an outage of it must not restart the fleet.
        return JSONResponse({"status": "alive"})

    async def readyz(_: Request) -> Response:
        failing = not_ready()
        return problem(503, f"not ready: {', '.join(failing)}") if failing else JSONResponse({"status": "ready"})

    async def prometheus(_: Request) -> Response:
        return PlainTextResponse(metrics(), media_type=METRICS_TYPE)

    async def post_drain(request: Request) -> Response:
        # Whoever may read metrics may not stop the process: that is for who is on this machine, or in this pod.
        if request.client is None or not is_loopback(request.client.host):
            return problem(403, "only from this machine: natter drain")
        if drain is None:
            return problem(503, "there is nothing to drain yet")
        drain()
        return JSONResponse({"status": "draining"}, status_code=202)

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", prometheus),
            Route("/drain", post_drain, methods=["POST"]),
        ],
        exception_handlers={HTTPException: http_problem, Exception: http_problem},
    )


class HttpServer:
    """uvicorn without its signal handling: one listening socket, for the ops page or for a service's own."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self.socket = listening_socket(host, port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            server_header=False,
            date_header=False,
            limit_concurrency=CONNECTIONS_MAX,
            timeout_keep_alive=KEEP_ALIVE_SECONDS_MAX,
            timeout_graceful_shutdown=1,
        )
        config.load()
        self.server = uvicorn.Server(config)
        self.server.lifespan = config.lifespan_class(config)

    @property
    def address(self) -> str:
        """Where it really listens, host:port."""
        host, port = self.socket.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    async def start(self) -> None:
        """Listen."""
        await self.server.startup(sockets=[self.socket])

    async def stop(self) -> None:
        """Stop listening; requests that run have a second."""
        async with asyncio.timeout(2):
            await self.server.shutdown(sockets=[self.socket])


def listening_socket(host: str, port: int) -> socket.socket:
    """A bound TCP socket that asyncio may listen on. OSError when the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host.strip("[]"), port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound
