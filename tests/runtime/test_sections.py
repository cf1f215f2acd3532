"""The shared sections: every key has a sentence and a bound, and no unit is missing."""

from __future__ import annotations

import pytest
from natter.runtime.sections import SHARED
from pydantic.fields import FieldInfo

FIELDS = [(section, key, field) for section, model in SHARED.items() for key, field in model.model_fields.items()]


@pytest.mark.parametrize(("section", "key", "field"), FIELDS, ids=[f"{s}.{k}" for s, k, _ in FIELDS])
def test_every_setting_has_a_sentence_and_a_bound(section: str, key: str, field: FieldInfo) -> None:
    assert field.description and field.description.endswith(".")
    if field.annotation in (int, float, str):
        assert field.metadata, f"{section}.{key} has no bound"


def test_the_password_does_not_show() -> None:
    bus = SHARED["bus"].model_validate({"password": "s3cret"})
    assert "s3cret" not in repr(bus) + str(bus)
