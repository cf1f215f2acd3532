"""The settings of archives stand where the router can ask them."""

from __future__ import annotations

from natter.archive.settings import Settings
from natter.runtime.sections import SHARED


def test_one_section_for_both() -> None:
    assert SHARED["archive"] is Settings
    assert Settings.model_validate({}).enabled
