"""The accounts service as a process of its own, asked over a real nats-server."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from natter.bus import subjects
from natter.bus.api import Unavailable
from natter.bus.nats import NatsBus, connect
from natter.proto.v1.accounts_pb2 import AccountReply, AccountRequest

START_SECONDS_MAX = 20.0
# Looks like JSON: FastStream must not read it as such.
PASSWORD = '{"canary": "63f0"}'


async def ask(bus: NatsBus, verb: str, username: str = "", password: str = "") -> AccountReply:
    request = AccountRequest(username=username, password=password, by="cli").SerializeToString()
    return AccountReply.FromString(await bus.request(subjects.rpc("accounts", verb), request, seconds_max=5.0))


async def answers(bus: NatsBus) -> None:
    async with asyncio.timeout(START_SECONDS_MAX):
        while True:
            try:
                await ask(bus, "list")
                return
            except Unavailable:
                await asyncio.sleep(0.05)


async def test_requests_are_answered_until_told_to_end(own_nats_server: Any, tmp_path: Path) -> None:
    nats_url = own_nats_server.url
    environment = {
        **os.environ,
        "NATTER_BUS__URL": nats_url,
        "NATTER_SERVER__DATA": str(tmp_path),
        "NATTER_RUNTIME__INSTANCE": "accounts-1",
        "NATTER_ACCOUNTS__SCRAM_ITERATIONS": "4096",
    }
    bus = await connect(nats_url, name="test")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "natter.accounts", env=environment, stderr=asyncio.subprocess.PIPE
    )
    try:
        await answers(bus)
        name = f"user{os.getpid()}"
        assert (await ask(bus, "register", name, PASSWORD)).error == ""
        assert (await ask(bus, "register", name, PASSWORD)).error == "conflict"
        replies = await asyncio.gather(*(ask(bus, "credentials", name) for _ in range(20)))
        assert all(r.exists and len(r.keys) == 2 for r in replies)
        assert name in (await ask(bus, "list")).usernames
        assert not (await ask(bus, "credentials", "nobody")).exists
        junk = await bus.request(subjects.rpc("accounts", "register"), b"[1, 2]")
        assert AccountReply.FromString(junk).error == "bad-request"
        assert (await ask(bus, "remove", name)).error == ""
        process.terminate()
        _, log = await asyncio.wait_for(process.communicate(), 10)
        assert process.returncode == 0, log.decode()
        assert b"canary" not in log
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        await bus.close()
