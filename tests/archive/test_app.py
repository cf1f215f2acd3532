"""The service put together, from the log to the gateway's deliveries."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

from archiveworld import ALICE, LOG, World
from natter.archive.app import app
from natter.archive.settings import Settings
from natter.bus import subjects
from natter.bus.api import Bus
from natter.bus.directory import Directory
from natter.proto.v1.bus_pb2 import Envelope, SessionRecord
from natter.runtime.process import Context
from natter.runtime.sections import BusSection, RuntimeSection, Server, TelemetrySection


async def test_from_the_log_to_an_answer(bus: Bus, tmp_path: Path, world: World, eventually: Any) -> None:
    directory = Directory(bus)
    await directory.start()
    await directory.create(SessionRecord(session=f"s:{ALICE}/a", gateway="g1", jid=f"{ALICE}/a", available=True))
    ctx = Context(
        "archive",
        "archive-1",
        Settings.model_validate({}),
        Server(data=str(tmp_path)),
        BusSection(lease_seconds=0.5),
        TelemetrySection(),
        RuntimeSection(),
        bus,
        logging.getLogger("test"),
        asyncio.Event(),
    )
    await app(ctx)
    frames = [world.message("hello"), world.iq("{urn:xmpp:mam:2}query", "<query xmlns='urn:xmpp:mam:2'/>")]
    await bus.publish(LOG, Envelope(source="lane.0", frames=frames).SerializeToString())
    answers: list[Any] = []

    def take(entry: Any) -> None:
        answers.extend(Envelope.FromString(entry.payload).frames)

    await bus.subscribe(subjects.DELIVERIES, (subjects.deliver("g1"),), take)
    await eventually(lambda: len(answers) == 2, seconds_max=10)
    assert b"hello" in answers[0].stanza and b"complete" in answers[1].stanza
    for step in reversed(ctx.drains):
        await step()
    await directory.stop()
