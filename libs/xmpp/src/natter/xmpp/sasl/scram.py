"""The server's side of one SCRAM exchange (RFC 5802, RFC 7677), on scramp."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from scramp import ScramException, ScramMechanism  # type: ignore[import-untyped]
from scramp.utils import ServerError  # type: ignore[import-untyped]

from .failure import SASLError
from .keys import HASHES, Keys
from .plain import prepare_username

MECHANISMS: Final = tuple(HASHES)
# RFC 5802 §7: gs2-cbind-flag, authzid, then n=. A mandatory extension (m=) is not known to us.
_FIRST: Final = re.compile(r"(n|y),(?:a=([^,]+))?,(n=([^,]+),.*)", re.DOTALL)
_ESCAPE: Final = re.compile(r"=(2C|3D|)")
# What scramp says when the peer does not know the password, as against not knowing the protocol.
_WRONG: Final = (ServerError.INVALID_PROOF, ServerError.CHANNEL_BINDINGS_DONT_MATCH)


@dataclass(frozen=True, slots=True)
class _Header:
    """scramp's Gs2Header for a header with an authzid, which scramp refuses: authorization is decided by us."""

    text: str

    def make_cbind_input(self, binding: object) -> bytes:
        """RFC 5802 §7: cbind-input without channel binding data."""
        return self.text.encode()


class ScramExchange:
    """One exchange: `first`, then `challenge` with the user's keys, then `final`. Each raises SASLError.

    The caller gives keys for unknown users too (stable fake ones), so that they look like a wrong password.
    """

    __slots__ = ("_bare_message", "_flag", "_header", "_mechanism", "_nonce", "_server", "authzid", "username")

    def __init__(self, mechanism: str, nonce: str) -> None:
        """`nonce`: the server's share, from a cryptographic source: printable ASCII without commas."""
        self._mechanism = mechanism
        self._nonce = nonce
        self._server: Any = None
        self.authzid = ""
        self.username = ""

    def first(self, message: bytes) -> None:
        """Take client-first-message; afterwards `username` (a localpart) and `authzid` are known."""
        match = _FIRST.fullmatch(_text(message))
        # RFC 5802 §6: flag p asks for channel binding, which was not offered.
        if match is None:
            raise SASLError("malformed-request")
        self._flag = match[1]
        self._bare_message = match[3]
        self.authzid = _unescape(match[2] or "")
        self._header = match[0][: match.start(3)]
        self.username = prepare_username(_unescape(match[4]))

    def challenge(self, keys: Keys) -> bytes:
        """server-first-message."""

        def known(username: str) -> tuple[bytes, bytes, bytes, int]:
            return keys.salt, keys.stored_key, keys.server_key, keys.iterations

        server: Any = ScramMechanism(self._mechanism).make_server(known, s_nonce=self._nonce)
        try:
            server.set_client_first(f"{self._flag},,{self._bare_message}")
            answer: str = server.get_server_first()
        except (ScramException, ValueError):
            raise SASLError("malformed-request") from None
        if self.authzid:
            server.gs2_header = _Header(self._header)
        self._server = server
        return answer.encode()

    def final(self, message: bytes) -> bytes:
        """Take client-final-message; server-final-message when the peer knows the password."""
        try:
            self._server.set_client_final(_text(message))
            answer: str = self._server.get_server_final()
        except ScramException as error:
            condition = "not-authorized" if error.server_error in _WRONG else "malformed-request"
            raise SASLError(condition) from None
        except ValueError:
            raise SASLError("malformed-request") from None
        return answer.encode()


def _text(message: bytes) -> str:
    try:
        return message.decode()
    except UnicodeDecodeError:
        raise SASLError("malformed-request") from None


def _unescape(text: str) -> str:
    # RFC 5802 §5.1: "=2C" and "=3D"; any other '=' is an error.
    if any(not match[1] for match in _ESCAPE.finditer(text)):
        raise SASLError("malformed-request")
    return text.replace("=2C", ",").replace("=3D", "=")
