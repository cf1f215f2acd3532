"""XEP-0077 before authentication: the form, and the request that makes an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from natter.bus.api import Bus
from natter.proto.v1 import accounts_pb2
from natter.telemetry.names import LIMITS_HIT
from natter.xmpp import jid
from natter.xmpp.element import Element
from natter.xmpp.xeps import registration

from . import auth
from .ratelimit import Addresses

INSTRUCTIONS = "Choose a username and password to register with this server."
PASSWORD_CHARACTERS_MAX = 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registration request is told: `condition` "" for success."""

    condition: str = ""
    text: str = ""
    query: Element | None = None


@dataclass(slots=True)
class Registration:
    """In-band registration for those who have no session yet. `rate` None: as many as they like."""

    bus: Bus
    credentials: auth.Credentials
    now: Callable[[], float]
    wait_seconds_max: float
    rate: Addresses | None = None

    def form(self) -> Answer:
        """The fields to fill in."""
        return Answer(query=registration.query(instructions=INSTRUCTIONS))

    async def register(self, query: Element, address: str) -> Answer:
        """Make an account of what `query` says."""
        try:
            wanted = registration.parse(query)
        except ValueError:
            return Answer("bad-request")
        if wanted.remove:
            # XEP-0077 §3.2: an account is removed by its owner, who has logged in.
            return Answer("not-allowed")
        if not wanted.username or not wanted.password or len(wanted.password) > PASSWORD_CHARACTERS_MAX:
            # XEP-0077 §3.1.1: a required field is missing.
            return Answer("not-acceptable")
        try:
            username = jid.username(wanted.username)
        except jid.JIDError:
            return Answer("not-acceptable", "not a username")
        if self.rate is not None and not self.rate.spend(address, self.now()):
            LIMITS_HIT.add("registrations")
            return Answer("policy-violation", "too many registrations")
        return await self._make(username, wanted.password)

    async def _make(self, username: str, password: str) -> Answer:
        request = accounts_pb2.AccountRequest(username=username, password=password, by=username)
        try:
            reply = await auth.call(self.bus, "register", request, seconds_max=self.wait_seconds_max)
        except auth.Unreachable:
            return Answer("internal-server-error", "try again later")
        self.credentials.forget(username)
        if reply.error == "unavailable":
            return Answer("internal-server-error", "try again later")
        return Answer(reply.error, reply.text)
