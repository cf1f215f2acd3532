"""Settings: bounds, and nothing unknown."""

from __future__ import annotations

import pytest
from natter.muc.rates import Action
from natter.muc.settings import Settings
from pydantic import ValidationError


def test_defaults_and_limits() -> None:
    limits = Settings(occupants_max=50, nick_bytes_max=32).limits()
    assert (limits.occupants_max, limits.nick_bytes_max, limits.default.history_stanzas_max) == (50, 32, 20)


@pytest.mark.parametrize("values", [{"occupants_max": 0}, {"nick_bytes_max": 2000}, {"unknown": 1}])
def test_what_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings(**values)


def test_every_setting_has_a_sentence_and_a_bound() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.metadata or field.annotation is bool or name == "create", name


def test_rates_are_off_until_they_are_set_or_strict() -> None:
    assert set(Settings().rates().values()) == {0}
    strict = Settings(strict_rates=True, joins_per_minute_max=3).rates()
    assert strict == {Action.MESSAGE: 10, Action.PRESENCE: 5, Action.JOIN: 3, Action.IQ: 20}
