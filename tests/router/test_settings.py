"""Defaults and bounds."""

from __future__ import annotations

import pytest
from natter.router.settings import Settings
from pydantic import ValidationError


def test_defaults_tell_nothing_about_the_machine() -> None:
    settings = Settings()
    assert settings.tell_os is False
    assert settings.features == ("jabber:iq:roster", "jabber:iq:register")


def test_every_setting_has_a_sentence() -> None:
    assert all((f.description or "").endswith(".") for f in Settings.model_fields.values())


@pytest.mark.parametrize("wrong", [{"waiting_bytes_max": 1}, {"returns_max": 0}, {"name": ""}])
def test_bounds(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(wrong)
