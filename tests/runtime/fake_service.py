"""A service that does next to nothing, run as a process of its own: `fake_service.py NAME`."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from natter.runtime import process
from pydantic import BaseModel, Field


class Settings(BaseModel):
    """Section of every fake service."""

    c2s: str = Field("", description="Told back as endpoint `echo`.")
    c2s_tls: str = Field("", description="As a real gateway has it.")
    behaviour: str = Field("", description="What to do wrong: crash, die, exit.")
    crash_file: str = Field("", description="While this file exists, the process ends before it is ready.")


async def app(ctx: process.Context[Settings]) -> None:
    """Be ready, or whatever the settings say."""
    if ctx.settings.crash_file and Path(ctx.settings.crash_file).exists():
        sys.stderr.write("the fake service was told to end\n")
        os._exit(7)
    match ctx.settings.behaviour:
        case "crash":
            raise RuntimeError("told to crash")
        case "background":
            ctx.background(broken(), "broken")
        case "callback":
            asyncio.get_running_loop().call_soon(divide, "canary-4711", 0)
        case "warn":
            ctx.log.warning("a warning to be seen")
        case "slow-drain":
            ctx.on_drain(lambda: asyncio.sleep(60))
    for address in filter(None, (ctx.settings.c2s, ctx.settings.c2s_tls)):
        host, _, port = address.rpartition(":")
        await asyncio.start_server(lambda reader, writer: writer.close(), host, int(port), reuse_port=True)
        ctx.endpoint("echo", ctx.settings.c2s)
    order: list[str] = []
    ctx.on_drain(lambda: noted(ctx, order, "first registered"))
    ctx.on_drain(lambda: noted(ctx, order, "last registered"))
    ctx.ready("fake", lambda: True)


def divide(words: str, number: int) -> float:
    return len(words) / number


async def noted(ctx: process.Context[Settings], order: list[str], what: str) -> None:
    order.append(what)
    ctx.log.info("drain: %s", what)


async def broken() -> None:
    raise RuntimeError("told to crash in the background")


if __name__ == "__main__":
    process.run(sys.argv[1], Settings, app)
