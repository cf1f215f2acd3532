"""How a module says which specification it implements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Xep:
    """One XMPP extension, as `docs/generated/xeps.md` will list it."""

    number: int
    title: str
    version: str
    status: Literal["complete", "partial", "removed"]
    features: tuple[str, ...] = ()
    note: str = ""
