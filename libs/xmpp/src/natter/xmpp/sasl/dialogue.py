"""The receiving entity's side of SASL on one stream: which mechanism, whose turn, what is asked of the owner."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import TypeAlias

from . import plain
from .failure import SASLError, decode
from .keys import Keys
from .scram import MECHANISMS, ScramExchange

PLAIN = "PLAIN"


@dataclass(frozen=True, slots=True)
class Challenge:
    """Send this as a challenge."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Success:
    """The peer is who it says; send this with it."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class CredentialsWanted:
    """Answer with `credentials`: the keys of the account with this localpart, or stable fake ones."""

    username: str
    mechanism: str


@dataclass(frozen=True, slots=True)
class PlainWanted:
    """Answer with `plain_result`: whether the password is this account's."""

    username: str
    password: str = field(repr=False)


Step: TypeAlias = Challenge | Success | CredentialsWanted | PlainWanted


class Dialogue:
    """One attempt to authenticate. Every method raises SASLError when the attempt has failed."""

    __slots__ = ("_domain", "_exchange", "_new_nonce", "mechanism", "username")

    def __init__(self, domain: str, new_nonce: Callable[[], str]) -> None:
        self._domain = domain
        self._new_nonce = new_nonce
        self._exchange: ScramExchange | None = None
        self.mechanism = ""
        # The localpart, once the peer has said it.
        self.username = ""

    def begin(self, mechanism: str, text: str, offered: Collection[str]) -> Step:
        """<auth/>: `text` is its character data."""
        # RFC 6120 §6.5.7: what was not offered does not exist.
        if mechanism not in offered:
            raise SASLError("invalid-mechanism")
        self.mechanism = mechanism
        message = decode(text)
        # RFC 6120 §6.4.2: both kinds of mechanism begin with the client; without initial response it is asked for one.
        return Challenge(b"") if message is None else self._first(message)

    def respond(self, text: str) -> Step:
        """<response/>."""
        message = decode(text) or b""
        if self._exchange is None:
            return self._first(message)
        return Success(self._exchange.final(message))

    def credentials(self, keys: Keys) -> Challenge:
        """Answer to CredentialsWanted."""
        assert self._exchange is not None
        return Challenge(self._exchange.challenge(keys))

    def _first(self, message: bytes) -> Step:
        if self.mechanism in MECHANISMS:
            exchange = ScramExchange(self.mechanism, self._new_nonce())
            exchange.first(message)
            self._authorize(exchange.username, exchange.authzid)
            self._exchange = exchange
            return CredentialsWanted(exchange.username, self.mechanism)
        said = plain.parse(message)
        self._authorize(said.username, said.authzid)
        return PlainWanted(said.username, said.password)

    def _authorize(self, username: str, authzid: str) -> None:
        plain.check_authzid(authzid, f"{username}@{self._domain}")
        self.username = username
