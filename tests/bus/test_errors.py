"""Error codes of nats-server."""

from __future__ import annotations

import pytest
from natter.bus.api import BusError, NoStream, StreamFull, Unavailable, WrongRevision
from natter.bus.errors import ApiError, error_of


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (10071, WrongRevision),
        (10164, WrongRevision),
        (10077, StreamFull),
        (10023, StreamFull),
        (10047, StreamFull),
        (10059, NoStream),
        (10008, Unavailable),
        (10039, Unavailable),
        (10166, ApiError),
    ],
)
def test_code(code: int, kind: type[BusError]) -> None:
    error = error_of({"code": 400, "err_code": code, "description": "why"})
    assert type(error) is kind
    assert "why" in str(error)


def test_code_is_kept() -> None:
    error = error_of({"err_code": 10058, "description": "stream name already in use"})
    assert isinstance(error, ApiError)
    assert error.code == 10058
