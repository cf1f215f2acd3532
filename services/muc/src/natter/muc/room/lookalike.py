"""Nicknames that look like others: characters that people cannot tell apart count as one (UTS #39 §4)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

from . import nickname
from .state import Room

_CACHED_NICKS_MAX: Final = 8192


def taken(room: Room, nick: str, bare: str) -> bool:
    """Whether somebody else has, or has reserved, a nickname that looks like this one."""
    wanted = skeleton(nickname.stored_key(nick))
    for key, jid in room.reserved.items():
        if jid != bare and skeleton(key) == wanted:
            return True
    for key, held in room.nick_keys.items():
        holder = room.shown(held)
        if holder is not None and holder.bare != bare and skeleton(key) == wanted:
            return True
    return False


@lru_cache(maxsize=_CACHED_NICKS_MAX)
def skeleton(key: str) -> str:
    """What a nickname looks like, whatever it is written with."""
    same = _same()
    # UTS #39 §4: decomposed, each character by its prototype, decomposed again.
    text = "".join(same.get(character, character) for character in unicodedata.normalize("NFD", key))
    return unicodedata.normalize("NFD", text)


@lru_cache(maxsize=1)
def _same() -> dict[str, str]:
    """One for all characters that look the same. Read when it is first needed: it is a big table."""
    from confusable_homoglyphs.confusables import confusables_data  # type: ignore[import-untyped]

    first: dict[str, str] = {}

    def find(text: str) -> str:
        while (other := first.get(text, text)) != text:
            text = other
        return text

    for character, alike in confusables_data.items():
        for other in alike:
            one, two = sorted((find(character), find(other["c"])), key=_plainness)
            first[two] = one
    return {character: find(character) for character in confusables_data if find(character) != character}


def _plainness(text: str) -> tuple[int, bool, str]:
    """What stands for many comes first: letters that are written as several (m as rn), then ASCII."""
    return -len(text), not text.isascii(), text
