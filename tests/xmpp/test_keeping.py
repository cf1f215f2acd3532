"""XEP-0313 §6.1.1 and XEP-0160 §3, message by message."""

from __future__ import annotations

import pytest
from natter.xmpp.keeping import in_archive, passing, until_there
from natter.xmpp.traits import Trait

KEPT = [
    Trait.BODY,
    Trait.BODY | Trait.CHAT_STATE,
    Trait.ENCRYPTED,
    Trait.RECEIPT,
    Trait.MARKER,
    Trait.MARKER | Trait.CHAT_STATE,
    Trait.RETRACTION | Trait.STORE,
    Trait.REACTION,
    Trait.BODY | Trait.CORRECTION,
    Trait.CONFERENCE,
    Trait.STORE,
]
NOT_KEPT = [
    0,
    Trait.CHAT_STATE,
    Trait.SUBJECT,
    Trait.RECEIPT_REQUEST,
    Trait.BODY | Trait.NO_STORE,
    Trait.BODY | Trait.NO_PERMANENT_STORE,
    Trait.CARBON | Trait.STORE,
    Trait.ARCHIVED | Trait.BODY,
]


@pytest.mark.parametrize("type", ["", "normal", "chat", "something"])
@pytest.mark.parametrize("traits", KEPT)
def test_what_an_archive_keeps(type: str, traits: int) -> None:
    assert in_archive(type, traits)


@pytest.mark.parametrize("traits", NOT_KEPT)
def test_what_an_archive_does_not_keep(traits: int) -> None:
    assert not in_archive("chat", traits)


@pytest.mark.parametrize("type", ["error", "groupchat", "headline"])
def test_types_that_neither_keeps(type: str) -> None:
    assert not in_archive(type, Trait.BODY | Trait.STORE)
    assert not until_there(type, Trait.BODY | Trait.STORE)


@pytest.mark.parametrize(
    ("traits", "waits"),
    [
        (Trait.BODY, True),
        (0, True),
        (Trait.SUBJECT | Trait.CHAT_STATE, True),
        (Trait.BODY | Trait.NO_PERMANENT_STORE, True),
        (Trait.BODY | Trait.NO_STORE, False),
        (Trait.CHAT_STATE, False),
        (Trait.CHAT_STATE | Trait.THREAD, False),
        (Trait.CHAT_STATE | Trait.MARKER, True),
    ],
)
def test_what_waits(traits: int, waits: bool) -> None:
    assert until_there("chat", traits) is waits


def test_a_chat_state_alone_passes() -> None:
    assert passing(Trait.CHAT_STATE)
    assert not passing(Trait.BODY | Trait.CHAT_STATE)
    assert not passing(0)
