"""SASL failures: the conditions of RFC 6120 §6.5, the exception that carries one, and its element."""

from __future__ import annotations

import base64
import binascii
from typing import Final

from .. import ns

# RFC 6120 §6.5.1 to §6.5.11
CONDITIONS: Final = (
    "aborted",
    "account-disabled",
    "credentials-expired",
    "encryption-required",
    "incorrect-encoding",
    "invalid-authzid",
    "invalid-mechanism",
    "malformed-request",
    "mechanism-too-weak",
    "not-authorized",
    "temporary-auth-failure",
)


class SASLError(Exception):
    """The peer's attempt fails with `condition`, one of CONDITIONS."""

    def __init__(self, condition: str) -> None:
        super().__init__(condition)
        self.condition = condition


def failure(condition: str) -> bytes:
    """The <failure/> element."""
    return f"<failure xmlns='{ns.SASL}'><{condition}/></failure>".encode()


def encode(tag: str, payload: bytes) -> bytes:
    """<challenge/> or <success/> with `payload`."""
    return f"<{tag} xmlns='{ns.SASL}'>{base64.b64encode(payload).decode()}</{tag}>".encode()


def decode(text: str) -> bytes | None:
    """What <auth/> or <response/> carries; None where it is empty: nothing was sent. Raises SASLError."""
    # RFC 6120 §6.4.2: no data at all, and "=" for data of no length.
    if not text:
        return None
    if text == "=":
        return b""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeError):
        # RFC 6120 §6.5.5: not base64 as RFC 4648 §4 has it, without line breaks.
        raise SASLError("incorrect-encoding") from None
