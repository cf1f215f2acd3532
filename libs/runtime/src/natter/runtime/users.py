"""`natter user`: accounts of a running system, through the bus."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from natter.bus import subjects
from natter.bus.api import Bus, BusError
from natter.proto.v1 import accounts_pb2

from . import natsserver, runfile
from .connecting import Credentials, open_bus
from .sections import BusSection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CONNECT_SECONDS_MAX = 3.0
REPLY_SECONDS_MAX = 5.0
# What the accounts service's conditions mean to the operator.
REASONS = {
    "conflict": "exists already",
    "not-found": "does not exist",
    "bad-request": "is not a user name that can be used",
    "not-acceptable": "was not accepted",
    "unavailable": "cannot be looked up now; try again",
}


class CommandFailed(Exception):
    """One line for the operator."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which system is meant: an address of its bus, or its data folder."""

    data: Path
    nats: str
    bus: BusSection


def credentials_of(where: Where) -> Credentials:
    """How to reach the bus."""
    if where.nats:
        return Credentials(where.nats, where.bus.user, where.bus.password)
    found = natsserver.read_credentials(where.data / "nats") if runfile.read(where.data) else None
    if found is None:
        raise CommandFailed(
            f"nothing runs in {where.data}: start `natter up --data {where.data}`, or give --data DIR or --nats URL"
        )
    return found


def username(text: str, data: Path) -> str:
    """The part before the @. The part behind must be what the system serves, if that is known."""
    name, at, domain = text.partition("@")
    served = (runfile.read(data) or {}).get("endpoints", {}).get("domain", domain)
    if at and domain.lower() != str(served).lower():
        raise CommandFailed(f"{text}: this system serves {served}, not {domain}")
    return name


@asynccontextmanager
async def connected(credentials: Credentials) -> AsyncIterator[Bus]:
    """The bus for a moment."""
    try:
        bus = await open_bus(credentials, "natter-cli", seconds_max=CONNECT_SECONDS_MAX)
    except BusError as error:
        raise CommandFailed(str(error)) from None
    try:
        yield bus
    finally:
        await bus.close()


async def ask(bus: Bus, verb: str, *, name: str = "", password: str = "") -> accounts_pb2.AccountReply:
    """One request of the accounts service. `CommandFailed` when it refuses or does not answer."""
    request = accounts_pb2.AccountRequest(username=name, password=password, by="cli")
    try:
        raw = await bus.request(
            subjects.rpc("accounts", verb), request.SerializeToString(), seconds_max=REPLY_SECONDS_MAX
        )
    except BusError:
        raise CommandFailed("the accounts service does not answer; `natter doctor` tells why") from None
    reply = accounts_pb2.AccountReply.FromString(raw)
    if reply.error:
        what = REASONS.get(reply.error, f"could not be handled ({reply.error})")
        raise CommandFailed(f"{name or 'the request'} {what}{f': {reply.text}' if reply.text else ''}")
    return reply


async def change(where: Where, verb: str, name: str, password: str = "") -> None:
    """register, passwd or remove."""
    local = username(name, where.data)
    async with connected(credentials_of(where)) as bus:
        await ask(bus, verb, name=local, password=password)


async def names(where: Where) -> Sequence[str]:
    """Every account."""
    async with connected(credentials_of(where)) as bus:
        return sorted((await ask(bus, "list")).usernames)
