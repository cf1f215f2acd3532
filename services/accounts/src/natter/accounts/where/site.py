"""The administration listener: GET /where/{id}, for who shows the token.  JSON; errors are problem documents."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from natter.runtime.ops import http_problem, problem
from natter.runtime.where import document
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .desk import Declined, Desk

TOKEN_FILE: Final = "admin.token"
TOKEN_BYTES: Final = 32
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
STATUS: Final = {"bad-request": 400, "not-found": 404, "unavailable": 503}


def token_of(given: str, data: Path) -> str:
    """The token that was set; else that of the data folder, which is made where it is missing. OSError."""
    if given:
        return given
    path = data / TOKEN_FILE
    try:
        # Another instance may make it at the same moment: then that one's holds. Whole, or not there.
        made = path.with_name(f".{TOKEN_FILE}.{secrets.token_hex(8)}")
        made.touch(mode=0o600, exist_ok=False)
        made.write_text(secrets.token_urlsafe(TOKEN_BYTES))
        try:
            os.link(made, path)
        finally:
            made.unlink()
    except FileExistsError:
        pass
    return path.read_text().strip()


def site(desk: Desk, token: str) -> Starlette:
    """The application."""
    wanted = f"Bearer {token}".encode()

    def is_administrator(request: Request) -> bool:
        given = request.headers.get("authorization", "").encode()
        return secrets.compare_digest(given, wanted)

    async def where(request: Request) -> Response:
        if not is_administrator(request):
            # RFC 6750 §3
            refused = problem(401, "show the token of the administration listener: Authorization: Bearer …")
            refused.headers["www-authenticate"] = 'Bearer realm="natter administration"'
            return refused
        try:
            reply = await desk.answer(request.path_params["id"])
        except Declined as declined:
            return problem(STATUS[declined.condition], declined.text)
        return JSONResponse({"messages": [document(one) for one in reply.found]}, headers=HEADERS)

    return Starlette(
        # An id may have slashes in it.
        routes=[Route("/where/{id:path}", where)],
        exception_handlers={HTTPException: http_problem, Exception: http_problem},
    )
