"""The configuration form: what is offered is what can be submitted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from natter.muc.room import form
from natter.muc.room.request import Limits, Refused
from natter.muc.room.state import Config, Room
from natter.xmpp.xeps.data_forms import Field, Form

LIMITS = Limits()


def submit(room: Room, **values: str) -> Config:
    fields = tuple(Field(f"muc#roomconfig_{name}", (value,)) for name, value in values.items())
    return form.submitted(room, Form("submit", fields), LIMITS)


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(
            name="n", description="d", persistent=True, public=False, moderated=True, members_only=True, password="p",
            jids_public=True, occupants_change_subject=True, occupants_max=50, members_invite=True,
            history_stanzas_max=7, private_messages="nobody",
        ),
    ],
)  # fmt: skip
def test_submitting_the_form_as_it_is_changes_nothing(config: Config) -> None:
    room = Room("r@h", exists=True, config=config)
    offered = form.offered(room, LIMITS)
    after = form.submitted(room, replace(offered, kind="submit"), LIMITS)
    assert after == replace(config, occupants_max=config.occupants_max or LIMITS.occupants_max)


def test_fields_left_out_keep_their_value() -> None:
    room = Room("r@h", config=Config(name="n", password="p", members_only=True))
    assert submit(room, roomdesc="d") == replace(room.config, description="d")


def test_the_password_goes_with_its_switch() -> None:
    room = Room("r@h", config=Config(password="p"))
    assert submit(room, passwordprotectedroom="0", roomsecret="p").password == ""
    assert submit(room, roomsecret="q").password == "q"
    with pytest.raises(Refused):
        submit(Room("r@h"), passwordprotectedroom="1")
    with pytest.raises(Refused):
        submit(room, roomsecret="x" * 257)


def test_history_is_a_number_with_a_limit() -> None:
    room = Room("r@h")
    fields = (Field("muc#maxhistoryfetch", ("5000",)),)
    assert form.submitted(room, Form("submit", fields), LIMITS).history_stanzas_max == 100
    fields = (Field("muc#maxhistoryfetch", ("",)),)
    assert form.submitted(room, Form("submit", fields), LIMITS).history_stanzas_max == 20
    with pytest.raises(Refused):
        form.submitted(room, Form("submit", (Field("muc#maxhistoryfetch", ("x",)),)), LIMITS)


def test_the_sizes_offered_are_those_allowed() -> None:
    offered = form.offered(Room("r@h", config=Config(occupants_max=33)), Limits(occupants_max=40))
    field = offered.get("muc#roomconfig_maxusers")
    assert field is not None
    assert [value for value, _ in field.options] == ["10", "20", "30", "33", "40"]
    assert field.value == "33"
