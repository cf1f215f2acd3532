"""Nicknames: as they are shown, and the form in which they are compared (RFC 8266)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from precis_i18n import get_profile

_CACHED_NICKS_MAX: Final = 4096
_ENFORCE_ROUNDS_MAX: Final = 4
_shown = get_profile("NicknameCasePreserved")
_compared = get_profile("Nickname")


class NicknameError(ValueError):
    """No nickname: empty, invisible, or with characters that are not allowed."""


@lru_cache(maxsize=_CACHED_NICKS_MAX)
def shown(text: str) -> str:
    """A nickname as the room shows it: spaces trimmed and joined, case kept. Raises NicknameError."""
    # XEP-0045 §17.1: neither empty nor invisible.
    return _enforced(_shown, text)


@lru_cache(maxsize=_CACHED_NICKS_MAX)
def key(nick: str) -> str:
    """The form in which two nicknames are the same or not. Raises NicknameError."""
    # RFC 8266 §2.4: compared without case and with compatibility forms folded, so that nobody mimics another.
    return _enforced(_compared, nick)


def _enforced(profile: object, text: str) -> str:
    # RFC 8266 §2.3: applied again until nothing changes, a bounded number of times.
    for _ in range(_ENFORCE_ROUNDS_MAX):
        try:
            result = str(profile.enforce(text))  # type: ignore[attr-defined]
        except UnicodeError as error:
            raise NicknameError(str(type(error).__name__)) from error
        if result == text:
            return result
        text = result
    raise NicknameError("does not settle")


def stored_key(nick: str) -> str:
    """`key` of a nickname that was accepted once: total, also where a later Unicode would refuse it."""
    try:
        return key(nick)
    except NicknameError:
        return nick
