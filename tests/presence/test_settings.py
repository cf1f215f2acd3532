"""Settings: each with a bound and a sentence, and the limits made of them."""

from __future__ import annotations

import pytest
from natter.presence.settings import Settings
from pydantic import ValidationError


def test_every_setting_is_described_and_bounded() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description and field.description.endswith("."), name
        assert len(field.metadata) == 2, name


def test_limits_are_the_settings() -> None:
    limits = Settings(roster_items_max=7, requests_max=3, directed_max=2).limits()
    assert (limits.items_max, limits.requests_max, limits.directed_max) == (7, 3, 2)


def test_what_is_out_of_bounds_is_refused() -> None:
    with pytest.raises(ValidationError):
        Settings(roster_items_max=0)


def test_a_roster_fits_into_one_message() -> None:
    with pytest.raises(ValidationError):
        Settings(roster_bytes_max=1 << 20)
