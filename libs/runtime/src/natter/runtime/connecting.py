"""The way to a NATS that may not be there yet: wait for it, say so, give up in time, and say why."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from natter.bus import nats as nats_bus
from natter.bus.api import Bus, BusError, Unavailable
from pydantic import SecretStr

from . import spine
from .addresses import parse
from .sections import BusSection
from .settings import SettingsError

LINE_SECONDS = 5.0
# The first line comes sooner: somebody may be looking.
FIRST_LINE_SECONDS = 1.0
PROBE_SECONDS_MAX = 1.0
PAUSE_SECONDS = 0.05
REFUSED_SECONDS_MAX = 5.0
PAUSE_SECONDS_MAX = 1.0


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach a bus."""

    url: str
    user: str
    password: SecretStr


def of_settings(bus: BusSection) -> Credentials:
    """Those of the section `bus`."""
    return Credentials(bus.url, bus.user, bus.password)


async def open_bus(
    credentials: Credentials, name: str, *, seconds_max: float, say: Callable[[str], None] = lambda _: None
) -> Bus:
    """A connected bus. `say` is given a line now and then while it is waited for. `Unavailable` after `seconds_max`."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds_max
    password = credentials.password.get_secret_value() or None
    opening = asyncio.create_task(
        nats_bus.connect(credentials.url, name=name, user=credentials.user or None, password=password)
    )
    wait = FIRST_LINE_SECONDS
    try:
        while True:
            await asyncio.wait({opening}, timeout=min(wait, max(0.0, end - loop.time())))
            if opening.done():
                return opening.result()
            why = f"NATS at {spine.without_secret(credentials.url)} {await reason(credentials.url)}"
            if loop.time() >= end:
                raise Unavailable(why)
            say(f"waiting: {why}")
            wait = LINE_SECONDS
    except OSError as error:
        raise Unavailable(f"NATS at {spine.without_secret(credentials.url)}: {error}") from None
    finally:
        if not opening.done():
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)


async def ensure_streams(
    bus: Bus,
    settings: BusSection,
    profile: Literal["full", "zero"],
    *,
    seconds_max: float,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Make the js_streams, waiting for JetStream to come up. The last `BusError` after `seconds_max`."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    end, line, pause = began + seconds_max, began + FIRST_LINE_SECONDS, PAUSE_SECONDS
    while True:
        try:
            await spine.ensure(bus, settings, profile)
            return
        except BusError as error:
            now = loop.time()
            # While JetStream starts it may refuse for a moment what it will do later.
            if now >= (end if isinstance(error, Unavailable) else began + REFUSED_SECONDS_MAX):
                raise
            if now >= line:
                line = now + LINE_SECONDS
                say(f"waiting: JetStream {'is not up yet' if isinstance(error, Unavailable) else 'refuses'}: {error}")
        await asyncio.sleep(pause)
        pause = min(PAUSE_SECONDS_MAX, pause * 2)


async def reason(url: str) -> str:
    """Why a connection does not come about, as far as the outside shows."""
    try:
        address = parse(spine.host_port(url), "bus.url")
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            _, writer = await asyncio.open_connection(address.host, address.port)
        writer.close()
    except SettingsError:
        return "is not an address"
    except TimeoutError:
        return "does not answer"
    except OSError as error:
        return f"cannot be reached ({error.strerror or error})"
    return "takes connections but does not let us in: look at bus.user and bus.password"
