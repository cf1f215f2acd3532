"""Events and contacts are values."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest
from natter.presence.model.events import Contact, ContactChanged


def test_equal_events_are_equal() -> None:
    assert ContactChanged(Contact("a@x", groups=("g",))) == ContactChanged(Contact("a@x", groups=("g",)))


def test_a_contact_does_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        Contact("a@x").name = "A"  # type: ignore[misc]
