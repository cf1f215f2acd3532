"""The end of an account on the bus: what its journal says to all, and what the shard of its user is told."""

from __future__ import annotations

from dataclasses import dataclass

from natter.proto.v1 import accounts_pb2, bus_pb2

from . import subjects
from .api import Bus, Entry

# Type of the frame; no client's presence has it, and no client's frame comes without a session.
ACCOUNT_REMOVED = "account-removed"


@dataclass(frozen=True, slots=True)
class AccountNews:
    """One entry of an account's journal. `removed_us` 0: the account stands. `by`: who asked for the removal."""

    username: str
    revision: int
    removed_us: int = 0
    by: str = ""


def news_of(entry: Entry) -> AccountNews | None:
    """What a journal entry of an account says; None for nothing that this version knows."""
    username = by = ""
    removed_us = 0
    for event in accounts_pb2.AccountEvents.FromString(entry.payload).events:
        match event.WhichOneof("event"):
            case "registered":
                username, removed_us, by = event.registered.username, 0, ""
            case "password_changed":
                username, removed_us, by = event.password_changed.username, 0, ""
            case "removed":
                username, removed_us, by = event.removed.username, event.removed.time_us, event.removed.by
            case _:
                pass
    return AccountNews(username, entry.sequence, removed_us, by) if username else None


async def removed_since(bus: Bus, username: str, revision: int) -> bool:
    """Whether the account that stood at `revision` of its journal is gone, whoever has its name now."""
    entries = await bus.read(subjects.JOURNALS, subjects.journal("account", username), after=revision)
    return any(
        event.HasField("removed")
        for entry in entries
        for event in accounts_pb2.AccountEvents.FromString(entry.payload).events
    )


def removal_frame(bare: str, revision: int, time_us: int) -> bus_pb2.Frame:
    """What the user's shard is told. `revision`: the removal's place in JOURNALS, by which a repetition is known."""
    return bus_pb2.Frame(
        kind=bus_pb2.KIND_PRESENCE, type=ACCOUNT_REMOVED, to=bare, sequence=revision, accepted_us=time_us
    )
