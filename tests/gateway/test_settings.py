"""The gateway's settings: bounds, units, sentences."""

from __future__ import annotations

import pytest
from natter.gateway.settings import Settings
from pydantic import ValidationError


def test_the_defaults_are_those_of_the_security_page() -> None:
    settings = Settings()
    assert (settings.preauth_bytes_max, settings.preauth_elements_max, settings.preauth_depth_max) == (8192, 32, 8)
    assert (settings.tls_seconds_max, settings.bind_seconds_max) == (30.0, 60.0)
    assert (settings.outbox_bytes_max, settings.outbox_stanzas_max, settings.resources_max) == (1 << 20, 1000, 10)


def test_every_setting_says_what_it_is() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


@pytest.mark.parametrize("wrong", [{"idle_seconds": 0}, {"lane": -2}, {"resources_max": 0}, {"unknown": 1}])
def test_nonsense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)
