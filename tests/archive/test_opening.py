"""A database that comes later than the service."""

from __future__ import annotations

from typing import Any

from natter.archive.opening import opened
from natter.storage.database import DatabaseError


class Late:
    """Stands for Database."""

    def __init__(self, failures: int) -> None:
        self.failures = failures

    async def open(self, *, search: bool) -> list[str]:
        self.failures -= 1
        if self.failures >= 0:
            raise DatabaseError("away")
        return []


async def test_it_is_waited_for_and_said_once() -> None:
    said: list[Any] = []

    async def meanwhile() -> None:
        said.append(("meanwhile",))

    await opened(Late(2), search=False, say=lambda *words: said.append(words), meanwhile=meanwhile)  # type: ignore[arg-type]
    assert said[1:] == [("meanwhile",)] and "away" in str(said[0])
    await opened(Late(0), search=False, say=lambda *words: said.append(words), meanwhile=meanwhile)  # type: ignore[arg-type]
    assert len(said) == 2
