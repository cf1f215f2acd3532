"""The settings' bounds."""

from __future__ import annotations

import pytest
from natter.accounts.settings import Settings
from pydantic import ValidationError


def test_defaults_and_bounds() -> None:
    assert Settings().scram_iterations == 10_000
    for wrong in ({"scram_iterations": 1}, {"key_threads": 0}, {"keys_waiting_max": 0}):
        with pytest.raises(ValidationError):
            Settings.model_validate(wrong)


def test_every_setting_says_what_it_is_for() -> None:
    assert all(f.description for f in Settings.model_fields.values())
