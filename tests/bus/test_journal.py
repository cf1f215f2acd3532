"""Journals on both backends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from natter.bus import journal as module
from natter.bus import subjects
from natter.bus.api import Bus, PublishUnknown, WrongRevision
from natter.bus.journal import Journal
from natter.bus.memory import MemoryBus


async def test_append_and_load(bus: Bus) -> None:
    journal = Journal(bus)
    assert await journal.load("room", "a@b") == []
    one = await journal.append("room", "a@b", b"1", expected=0)
    await journal.append("room", "other@b", b"x", expected=0)
    two = await journal.append("room", "a@b", b"2", expected=one)
    assert [(e.sequence, e.payload) for e in await journal.load("room", "a@b")] == [(one, b"1"), (two, b"2")]
    assert [e.payload for e in await journal.load("room", "a@b", after=one)] == [b"2"]


async def test_wrong_revision(bus: Bus) -> None:
    journal = Journal(bus)
    one = await journal.append("room", "a@b", b"1", expected=0)
    for wrong in (0, one + 1):
        with pytest.raises(WrongRevision):
            await journal.append("room", "a@b", b"2", expected=wrong)


async def test_one_of_many_wins(bus: Bus) -> None:
    journals = [Journal(bus) for _ in range(5)]
    appends = [journal.append("room", "a@b", str(n).encode(), expected=0) for n, journal in enumerate(journals)]
    outcomes = await asyncio.gather(*appends, return_exceptions=True)
    assert sum(isinstance(outcome, int) for outcome in outcomes) == 1


async def test_long_journal_is_loaded_in_pages(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_ENTRIES", 10)
    journal = Journal(bus)
    revision = 0
    for number in range(40):
        revision = await journal.append("room", "a@b", str(number).encode(), expected=revision)
    assert [int(e.payload) for e in await journal.load("room", "a@b")] == list(range(40))


async def test_what_exists(bus: Bus) -> None:
    journal = Journal(bus)
    one = await journal.append("room", "a@b", b"1", expected=0)
    await journal.append("room", "a@b", b"2", expected=one)
    await journal.append("room", "c@b", b"3", expected=0)
    await journal.append("roster", "c@b", b"4", expected=0)
    found = await journal.last_of_kind("room")
    assert [(e.subject, e.payload) for e in found] == [
        (subjects.journal("room", "a@b"), b"2"),
        (subjects.journal("room", "c@b"), b"3"),
    ]


async def test_truncate(bus: Bus) -> None:
    journal = Journal(bus)
    revision = 0
    revisions = []
    for number in range(5):
        revision = await journal.append("room", "a@b", str(number).encode(), expected=revision)
        revisions.append(revision)
    await journal.truncate("room", "a@b", revisions[3])
    assert [e.payload for e in await journal.load("room", "a@b")] == [b"3", b"4"]
    await journal.append("room", "a@b", b"5", expected=revision)


class Forgetful(MemoryBus):
    """Loses acknowledgements ("stored") or entries ("lost"), or is overtaken by somebody else ("other")."""

    faults: list[str]

    def publish(self, subject: str, payload: bytes, **options: Any) -> asyncio.Future[int]:
        fault = self.faults.pop(0) if self.faults else ""
        if fault == "other":
            super().publish(subject, b"other", **options)
        elif fault != "lost":
            future = super().publish(subject, payload, **options)
            if not fault:
                return future
        unknown: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        unknown.set_exception(PublishUnknown())
        return unknown


@pytest.fixture
async def forgetful(monkeypatch: pytest.MonkeyPatch) -> Forgetful:
    monkeypatch.setattr(module, "BACKOFF_SECONDS", (0.0, 0.001))
    bus = Forgetful()
    await bus.ensure_stream(next(s for s in subjects.streams() if s.name == subjects.JOURNALS))
    bus.faults = []
    return bus


@pytest.mark.parametrize("faults", [["stored"], ["lost"], ["lost", "lost", "stored"], ["stored", "lost"]])
async def test_unknown_outcome_is_cleared_up(forgetful: Forgetful, faults: list[str]) -> None:
    journal = Journal(forgetful)
    revision = await journal.append("room", "a@b", b"0", expected=0)
    forgetful.faults = faults
    assert await journal.append("room", "a@b", b"1", expected=revision) == revision + 1
    assert [e.payload for e in await journal.load("room", "a@b")] == [b"0", b"1"]


async def test_somebody_elses_entry_is_not_taken_for_ours(forgetful: Forgetful) -> None:
    journal = Journal(forgetful)
    forgetful.faults = ["other"]
    with pytest.raises(WrongRevision):
        await journal.append("room", "a@b", b"1", expected=0)


async def test_outage_without_end_is_reported(forgetful: Forgetful, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REPEAT_SECONDS_MAX", 0.02)
    forgetful.faults = ["lost"] * 1000
    with pytest.raises(PublishUnknown):
        await Journal(forgetful).append("room", "a@b", b"1", expected=0)
