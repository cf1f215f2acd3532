"""What an idle session costs in memory: of all servers side by side, by one rule.

Idle means idle. Every server is given the same accounts and sessions, and then nothing happens for SETTLE_SECONDS
before its memory is read: resident memory of all its processes, natter's nats-server included. So long, because what
logins took goes back to the system late, whoever runs the server: Go collects a heap that nobody uses every two minutes
and returns its pages during the next one, Erlang's processes hibernate, Lua collects when it runs, natter drops parsers
after ten seconds, and nats-server forgets after two minutes by which ids it would know a repeated publish. What is
printed is the slope between two such readings, not the first step: what a server needs before its first sessions is
not counted. Sessions with TLS are added to those without.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, field

from clients import Client, connect
from servers import Natter, Process, resident_kib
from work import PASSWORD, leave, register

# Before the first reading, between it and the second, and those with TLS after that.
FIRST_SESSIONS = 500
FURTHER_SESSIONS = 1500
TLS_SESSIONS = 1000
SESSIONS_PER_ACCOUNT = 5
SETTLE_SECONDS = 200.0


# XEP-0199 §4.1. Who does not answer is taken for dead, natter by default after six minutes.
PING = re.compile(rb"<iq\b[^>]*\bid=['\"]([^'\"]*)['\"][^>]*><ping\b")


def quiet(client: Client) -> None:
    """Say nothing any more but that one is there."""

    def answer(data: bytes) -> None:
        for found in PING.findall(data):
            client.send(b"<iq type='result' id='%b'/>" % found)

    client.on_data = answer


@dataclass(slots=True)
class Crowd:
    """The sessions on one server."""

    server: Natter | Process
    address: tuple[str, int] = ("", 0)
    people: list[Client] = field(default_factory=list)
    readings: list[dict[int, int]] = field(default_factory=list)

    async def grow(self, count: int, secure: ssl.SSLContext | None = None) -> None:
        """So many more sessions."""
        host, port = self.address
        for number in range(len(self.people), len(self.people) + count):
            client = await connect(host, self.server.tls_port if secure else port, secure)
            name, resource = f"idle{number // SESSIONS_PER_ACCOUNT}", f"i{number % SESSIONS_PER_ACCOUNT}"
            self.people.append(await client.login(name, PASSWORD, resource=resource))
            quiet(client)

    def read(self) -> None:
        """Resident memory of every process, now. Everybody must still be there."""
        assert not any(person.lost for person in self.people), f"{self.server.name} closed idle connections"
        self.readings.append({pid: resident_kib([pid]) for pid in self.server.pids()})

    def at_once(self, sessions: int) -> None:
        """Print what so many sessions more have taken by now, with what their logins left behind."""
        if self.readings:
            grown = resident_kib(self.server.pids()) - sum(self.readings[-1].values())
            print(f"  {self.server.name}: right after {sessions} logins: {grown / sessions:.2f} KiB each", flush=True)

    def slope(self, reading: int, sessions: int) -> float:
        """KiB per session between a reading and the next."""
        before, after = (sum(found.values()) for found in self.readings[reading : reading + 2])
        return (after - before) / sessions


async def measure(servers: list[Natter | Process], secure: ssl.SSLContext) -> dict[str, tuple[float, float]]:
    """KiB per idle session by server: (without TLS, with TLS)."""
    crowds = [Crowd(server) for server in servers]
    try:
        for crowd in crowds:
            crowd.address = crowd.server.start()
            accounts = (FIRST_SESSIONS + FURTHER_SESSIONS + TLS_SESSIONS) // SESSIONS_PER_ACCOUNT
            await register(*crowd.address, [f"idle{i}" for i in range(accounts)])
        for count, context in ((FIRST_SESSIONS, None), (FURTHER_SESSIONS, None), (TLS_SESSIONS, secure)):
            for crowd in crowds:
                await crowd.grow(count, context)
                crowd.at_once(count)
            await asyncio.sleep(SETTLE_SECONDS)
            for crowd in crowds:
                crowd.read()
        for crowd in crowds:
            leave(crowd.people)
        return {c.server.name: (c.slope(0, FURTHER_SESSIONS), c.slope(1, TLS_SESSIONS)) for c in crowds}
    finally:
        for crowd in crowds:
            crowd.server.stop()
