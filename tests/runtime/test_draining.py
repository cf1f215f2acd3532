"""`natter drain` finds the process that is meant and tells it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from natter.runtime import draining, runfile
from natter.runtime.ops import HttpServer, page
from natter.runtime.sections import RuntimeSection
from natter.runtime.users import CommandFailed


def test_an_instance_of_natter_up_or_the_process_of_this_pod(tmp_path: Path) -> None:
    runfile.write(tmp_path, {"ops": {"gateway-2": "127.0.0.1:4711"}}, [])
    assert draining.address_of("gateway-2", RuntimeSection(), tmp_path) == "127.0.0.1:4711"
    with pytest.raises(CommandFailed, match="there is gateway-2"):
        draining.address_of("gateway-3", RuntimeSection(), tmp_path)
    pod = RuntimeSection(ops_host="0.0.0.0", ops_port=9100)
    assert draining.address_of("", pod, tmp_path) == "127.0.0.1:9100"
    with pytest.raises(CommandFailed, match="say which"):
        draining.address_of("", RuntimeSection(), tmp_path)


async def test_it_is_told() -> None:
    told: list[str] = []
    server = HttpServer(page(list, lambda: "", lambda: told.append("drain")), "127.0.0.1", 0)
    await server.start()
    address = server.address
    await asyncio.to_thread(draining.drain, address)
    assert told == ["drain"]
    await server.stop()
    with pytest.raises(CommandFailed, match="does not answer"):
        await asyncio.to_thread(draining.drain, address)
