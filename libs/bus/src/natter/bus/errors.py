"""What the server's error codes mean to natter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .api import BusError, NoStream, StreamFull, Unavailable, WrongRevision

# err_code values of nats-server's server/errors.json.
WRONG_LAST_SEQUENCE = {10071, 10164}
# Insufficient resources, memory or storage resources exceeded, store refused (maximum bytes or messages).
FULL = {10023, 10028, 10047, 10077, 10122}
NO_STREAM = {10059}
# JetStream not enabled (yet), cluster without leader or quorum, temporarily unavailable.
NOT_NOW = {10004, 10005, 10008, 10009, 10035, 10039, 10076, 10118}
INSUFFICIENT_STORAGE = {10047, 10028, 10023}


class ApiError(BusError):
    """An error of the JetStream API that has no exception of its own. `code` is the err_code."""

    def __init__(self, code: int, description: str) -> None:
        super().__init__(f"{description} ({code})")
        self.code = code


def error_of(error: Mapping[str, Any]) -> BusError:
    """The exception for the `error` object of a JetStream answer."""
    code = int(error.get("err_code", 0))
    text = str(error.get("description", "error"))
    if code in WRONG_LAST_SEQUENCE:
        return WrongRevision(text)
    if code in FULL:
        return StreamFull(text)
    if code in NO_STREAM:
        return NoStream(text)
    if code in NOT_NOW:
        return Unavailable(text)
    return ApiError(code, text)
