"""The configuration form: what is offered is what can be submitted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from natter.muc.room import form
from natter.muc.room.request import Limits, Refused
from natter.muc.room.state import Affiliated, Config, Room
from natter.xmpp.xeps.data_forms import Field, Form
from natter.xmpp.xeps.muc import Affiliation

LIMITS = Limits()


def submit(room: Room, **values: str) -> Config:
    fields = tuple(Field(f"muc#roomconfig_{name}", (value,)) for name, value in values.items())
    return form.submitted(room, Form("submit", fields), LIMITS)[0]


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(
            name="n", description="d", persistent=True, public=False, moderated=True, members_only=True, password="p",
            jids_public=True, occupants_change_subject=True, occupants_max=50, members_invite=True,
            history_stanzas_max=7, private_messages="nobody", silent_roles=("visitor",),
            member_list_roles=("moderator", "participant"), lang="en", pubsub="xmpp:p@q?;node=n", registration="closed",
            voice_requests_refused=True, voice_request_seconds=60, visitors_keep_status=True, visitors_keep_nick=True,
            queries_refused=True, occupants_hidden=True, unarchived=True, nicks_locked=True, voiced_by_default=True,
            history_stanzas_held_back=3,
        ),
    ],
)  # fmt: skip
def test_submitting_the_form_as_it_is_changes_nothing(config: Config) -> None:
    room = Room("r@h", exists=True, config=config)
    offered = form.offered(room, LIMITS)
    assert form.submitted(room, replace(offered, kind="submit"), LIMITS) == (config, [])


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
    assert form.submitted(room, Form("submit", fields), LIMITS)[0].history_stanzas_max == 100
    fields = (Field("muc#maxhistoryfetch", ("",)),)
    assert form.submitted(room, Form("submit", fields), LIMITS)[0].history_stanzas_max == 20
    with pytest.raises(Refused):
        form.submitted(room, Form("submit", (Field("muc#maxhistoryfetch", ("x",)),)), LIMITS)


def test_the_sizes_offered_are_those_allowed() -> None:
    offered = form.offered(Room("r@h", config=Config(occupants_max=33)), Limits(occupants_max=40))
    field = offered.get("muc#roomconfig_maxusers")
    assert field is not None
    assert [value for value, _ in field.options] == ["10", "20", "30", "33", "40", "none"]
    assert field.value == "33"


def test_the_full_lists_of_owners_and_admins_change_affiliations() -> None:
    known = {
        "o@h": Affiliated(Affiliation.OWNER),
        "p@h": Affiliated(Affiliation.OWNER),
        "a@h": Affiliated(Affiliation.ADMIN),
    }
    room = Room("r@h", exists=True, affiliations=known)
    prefix = "muc#roomconfig_room"
    fields = (Field(prefix + "owners", ("o@h", "new@h")), Field(prefix + "admins", ("p@h/full",)))
    _, items = form.submitted(room, Form("submit", fields), LIMITS)
    # The new owner first.
    assert (items[0].jid, items[0].affiliation) == ("new@h", Affiliation.OWNER)
    assert {(i.jid, i.affiliation) for i in items} == {
        ("new@h", Affiliation.OWNER),
        ("p@h", Affiliation.ADMIN),
        ("a@h", Affiliation.NONE),
    }
    with pytest.raises(Refused):
        form.submitted(room, Form("submit", (Field(prefix + "admins", ("h",)),)), LIMITS)


def test_a_number_that_is_none_and_roles_that_are_none() -> None:
    room = Room("r@h")
    for var, value in (("voice_request_min_interval", "soon"), ("muc#roomconfig_presencebroadcast", "king")):
        with pytest.raises(Refused):
            form.submitted(room, Form("submit", (Field(var, (value,)),)), LIMITS)


@pytest.mark.parametrize(
    ("given", "most", "unasked"),
    [
        ({"muc#maxhistoryfetch": "50"}, 50, 50),
        ({"muc#roomconfig_historylength": "50"}, 50, 50),
        # The whole form comes back, and one of the two names was changed.
        ({"muc#maxhistoryfetch": "20", "muc#roomconfig_historylength": "50"}, 50, 50),
        ({"muc#maxhistoryfetch": "50", "muc#roomconfig_historylength": "20"}, 50, 50),
        ({"muc#roomconfig_defaulthistorymessages": "5"}, 20, 5),
        ({"muc#roomconfig_defaulthistorymessages": "500"}, 20, 20),
        ({"muc#maxhistoryfetch": "0", "muc#roomconfig_defaulthistorymessages": "5"}, 0, 0),
        ({"muc#maxhistoryfetch": "50", "muc#roomconfig_defaulthistorymessages": "30"}, 50, 30),
    ],
)
def test_history_has_two_names_and_a_default(given: dict[str, str], most: int, unasked: int) -> None:
    room = Room("r@h")
    fields = tuple(Field(var, (value,)) for var, value in given.items())
    config = form.submitted(room, Form("submit", fields), LIMITS)[0]
    assert config.history_stanzas_max == most
    assert config.history_stanzas_max - config.history_stanzas_held_back == unasked
    # And as it is shown it is submitted.
    shown = form.offered(replace(room, config=config), LIMITS)
    assert form.submitted(replace(room, config=config), replace(shown, kind="submit"), LIMITS)[0] == config


def test_no_option_is_empty() -> None:
    # Clients have died of it.
    offered = form.offered(Room("r@h"), LIMITS)
    assert all(value for field in offered.fields for value, _ in field.options)
    assert submit(Room("r@h", config=Config(registration="closed"))).registration == "closed"
    fields = (Field("{urn:natter:muc}registration", ("default",)),)
    closed = Room("r@h", config=Config(registration="closed"))
    assert form.submitted(closed, Form("submit", fields), LIMITS)[0].registration == ""
