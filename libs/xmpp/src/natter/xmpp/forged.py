"""What only servers may say in a message: taken out of what clients send, wherever it stands."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from . import ns
from .element import Element, parse, remove, render
from .jid import domain_of
from .traits import Trait, traits_of

# Traits of messages that must be looked at.
SUSPECT: Final = int(Trait.STANZA_ID | Trait.CARBON | Trait.ARCHIVED | Trait.DELAY)
# Those that no client's message has afterwards.
SERVERS: Final = int(Trait.CARBON | Trait.ARCHIVED)

# XEP-0280 §11, XEP-0313 §8.2: copies and results come from servers only.
_NEVER: Final = frozenset(
    {
        f"{{{ns.CARBONS}}}received",
        f"{{{ns.CARBONS}}}sent",
        f"{{{ns.MAM}}}result",
    }
)
# XEP-0359 §3.1: ids of accounts here. XEP-0203 §5: stamps of this server; a client may have stamps of its own.
_STANZA_ID: Final = f"{{{ns.STANZA_IDS}}}stanza-id"
_DELAY: Final = f"{{{ns.DELAY}}}delay"


@lru_cache(maxsize=1024)
def suspect(children: tuple[str, ...]) -> bool:
    """Whether a message with these children, each "{namespace}local", must be looked at."""
    return bool(traits_of(children) & SUSPECT)


def without(stanza: bytes, traits: int, domain: str) -> bytes:
    """The message without what claims to be said by the server of `domain`; the same bytes where nothing does."""
    if not traits & SUSPECT:
        return stanza
    element = parse(stanza)
    found = [child for child in element if _is_forged(child, domain)]
    for child in found:
        remove(child)
    return render(element) if found else stanza


def _is_forged(child: Element, domain: str) -> bool:
    if child.tag in _NEVER:
        return True
    if child.tag == _DELAY:
        return child.get("from", "").strip().lower() == domain
    return child.tag == _STANZA_ID and domain_of(child.get("by", "").strip().lower()) == domain
