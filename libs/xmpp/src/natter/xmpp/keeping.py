"""Which messages are worth keeping: in the archive of a user, and until their recipient comes."""

from __future__ import annotations

from typing import Final

from .traits import Trait
from .xeps import hints

# XEP-0313 §6.1.1: meaningful content: a body, what stands for one, and what changes what a message means to readers.
CONTENT: Final = int(
    Trait.BODY
    | Trait.ENCRYPTED
    | Trait.RECEIPT
    | Trait.MARKER
    | Trait.CORRECTION
    | Trait.RETRACTION
    | Trait.REACTION
    | Trait.CONFERENCE
    | Trait.STORE
)
# Not worth anything by itself, a moment later.
_PASSING: Final = int(Trait.CHAT_STATE)
_WRAPPED: Final = int(Trait.CARBON | Trait.ARCHIVED)
_SAID: Final = CONTENT | int(Trait.SUBJECT)


def in_archive(type: str, traits: int) -> bool:
    """Whether a message between two users belongs into their archives."""
    # XEP-0313 §6.1.1: 'normal' and 'chat'. Headlines are not suggested, groupchat is the room's, and a message of type
    # error belongs to nobody's conversation. RFC 6121 §5.2.2: an unknown type counts as normal.
    if type in ("error", "groupchat", "headline"):
        return False
    # A server's word round another message: a copy, or a result of an archive.
    if traits & _WRAPPED:
        return False
    return bool(traits & CONTENT) and hints.may_archive(traits)


def until_there(type: str, traits: int) -> bool:
    """Whether a message waits for a recipient who is not there."""
    # XEP-0160 §3: normal and chat, but not what has chat states only.
    if type in ("error", "groupchat", "headline") or passing(traits):
        return False
    return hints.may_wait(traits)


def passing(traits: int) -> bool:
    """Whether a message says nothing that anybody would want to know later."""
    return bool(traits & _PASSING) and not traits & _SAID
