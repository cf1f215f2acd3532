"""The settings' bounds."""

from __future__ import annotations

import pytest
from natter.metrics.settings import Settings
from pydantic import ValidationError


def test_defaults_and_bounds() -> None:
    assert Settings().clickhouse_url.get_secret_value() == "" and Settings().rows_per_insert_max == 200_000
    for wrong in ({"http": "nowhere"}, {"rows_per_insert_max": 0}, {"insert_seconds": 0}):
        with pytest.raises(ValidationError):
            Settings.model_validate(wrong)


def test_every_setting_says_what_it_is_for() -> None:
    assert all(f.description for f in Settings.model_fields.values())


def test_the_password_in_the_url_does_not_show() -> None:
    assert "canary" not in repr(Settings.model_validate({"clickhouse_url": "http://a:canary@host"}))
