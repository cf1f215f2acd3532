"""What the router and the services need to know of a stanza's children without parsing it: a bit set."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntFlag
from typing import Final

from . import ns


class Trait(IntFlag):
    """Travels in `Frame.traits`: a value once given is never used for something else."""

    BODY = 1 << 0
    SUBJECT = 1 << 1
    THREAD = 1 << 2
    NO_STORE = 1 << 3  # XEP-0334 §5.2
    NO_PERMANENT_STORE = 1 << 4  # XEP-0334 §5.1
    NO_COPY = 1 << 5  # XEP-0334 §5.3
    STORE = 1 << 6  # XEP-0334 §5.4
    PRIVATE = 1 << 7  # XEP-0280 §9
    CARBON = 1 << 8  # of XEP-0280: <received/> or <sent/>: only a server may say so
    RECEIPT = 1 << 9  # of XEP-0184 <received/>
    RECEIPT_REQUEST = 1 << 10
    CHAT_STATE = 1 << 11  # of XEP-0085
    DELAY = 1 << 12  # of XEP-0203
    MUC_JOIN = 1 << 13  # XEP-0045 §7.2.1: <x xmlns='…/muc'/>
    MUC_USER = 1 << 14  # of XEP-0045: invitations, and what only a room may say
    MARKER = 1 << 15  # of XEP-0333
    CORRECTION = 1 << 16  # of XEP-0308
    ENCRYPTED = 1 << 17  # of XEP-0384 and XEP-0380
    STANZA_ID = 1 << 18  # of XEP-0359
    ORIGIN_ID = 1 << 19  # of XEP-0359
    CAPS = 1 << 20  # of XEP-0115
    ERROR = 1 << 21  # RFC 6120 §8.3
    CONFERENCE = 1 << 22  # of XEP-0249
    OCCUPANT_ID = 1 << 23  # of XEP-0421
    ARCHIVED = 1 << 24  # of XEP-0313: <result/>: only an archive may say so
    RETRACTION = 1 << 25  # of XEP-0424
    REACTION = 1 << 26  # of XEP-0444


_TRAITS: Final[dict[str, int]] = {
    f"{{{namespace}}}{local}": int(trait)
    for namespace, local, trait in (
        (ns.CLIENT, "body", Trait.BODY),
        (ns.CLIENT, "subject", Trait.SUBJECT),
        (ns.CLIENT, "thread", Trait.THREAD),
        (ns.CLIENT, "error", Trait.ERROR),
        (ns.HINTS, "no-store", Trait.NO_STORE),
        (ns.HINTS, "no-permanent-store", Trait.NO_PERMANENT_STORE),
        (ns.HINTS, "no-copy", Trait.NO_COPY),
        (ns.HINTS, "store", Trait.STORE),
        (ns.CARBONS, "private", Trait.PRIVATE),
        (ns.CARBONS, "received", Trait.CARBON),
        (ns.CARBONS, "sent", Trait.CARBON),
        (ns.RECEIPTS, "received", Trait.RECEIPT),
        (ns.RECEIPTS, "request", Trait.RECEIPT_REQUEST),
        (ns.CHAT_STATES, "active", Trait.CHAT_STATE),
        (ns.CHAT_STATES, "composing", Trait.CHAT_STATE),
        (ns.CHAT_STATES, "paused", Trait.CHAT_STATE),
        (ns.CHAT_STATES, "inactive", Trait.CHAT_STATE),
        (ns.CHAT_STATES, "gone", Trait.CHAT_STATE),
        (ns.DELAY, "delay", Trait.DELAY),
        ("jabber:x:delay", "x", Trait.DELAY),
        (ns.MUC, "x", Trait.MUC_JOIN),
        (ns.MUC_USER, "x", Trait.MUC_USER),
        (ns.MARKERS, "received", Trait.MARKER),
        (ns.MARKERS, "displayed", Trait.MARKER),
        (ns.MARKERS, "acknowledged", Trait.MARKER),
        (ns.CORRECTION, "replace", Trait.CORRECTION),
        ("eu.siacs.conversations.axolotl", "encrypted", Trait.ENCRYPTED),
        ("urn:xmpp:omemo:2", "encrypted", Trait.ENCRYPTED),
        ("urn:xmpp:eme:0", "encryption", Trait.ENCRYPTED),
        (ns.STANZA_IDS, "stanza-id", Trait.STANZA_ID),
        (ns.STANZA_IDS, "origin-id", Trait.ORIGIN_ID),
        (ns.CAPS, "c", Trait.CAPS),
        (ns.CONFERENCE, "x", Trait.CONFERENCE),
        (ns.OCCUPANT_ID, "occupant-id", Trait.OCCUPANT_ID),
        (ns.MAM, "result", Trait.ARCHIVED),
        ("urn:xmpp:message-retract:1", "retract", Trait.RETRACTION),
        ("urn:xmpp:reactions:0", "reactions", Trait.REACTION),
    )
}


def traits_of(children: Iterable[str]) -> int:
    """The bit set for a stanza whose child elements are `children`, each "{namespace}local"."""
    traits = 0
    for child in children:
        traits |= _TRAITS.get(child, 0)
    return traits
