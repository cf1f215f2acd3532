"""What FactsWriter is told, as it is told it."""

from __future__ import annotations

from typing import Any

from natter.bus.facts import FactsWriter


class Rows:
    """In place of FactsWriter."""

    ended = FactsWriter.ended

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, **row: Any) -> None:
        self.rows.append(row)
