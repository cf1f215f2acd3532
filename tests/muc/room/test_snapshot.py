"""Snapshots are the whole state."""

from __future__ import annotations

from dataclasses import fields

from natter.muc.room import snapshot
from natter.muc.room.state import Config, Room


def test_a_lived_in_room_comes_back(coven) -> None:
    coven.say(coven.hag, "hello")
    coven.send(f"<message from='{coven.crone}' to='{coven.room.jid}' type='groupchat'><subject>s</subject></message>")
    coven.admin(coven.crone, "<item affiliation='outcast' jid='x@y'><reason>so</reason></item>")
    assert snapshot.decode(snapshot.encode(coven.room)) == coven.room


def test_a_room_that_never_was_comes_back() -> None:
    assert snapshot.decode(snapshot.encode(Room("r@h"))) == Room("r@h")


def test_every_field_of_the_configuration_is_kept() -> None:
    of_type = {"str": "moderator", "bool": True, "int": 7, "tuple[str, ...]": ("visitor",)}
    values = {f.name: of_type[f.type] for f in fields(Config)}
    config = Config(**values)
    assert snapshot.config_from(snapshot.config_to(config)) == config
    assert snapshot.config_from(snapshot.config_to(Config())) == Config()


def test_a_summary(coven) -> None:
    line = snapshot.summary(coven.room, 5)
    assert (line.jid, line.exists, line.occupants, line.creator, line.public) == (
        coven.room.jid,
        True,
        3,
        "crone1@shakespeare.lit",
        True,
    )


def test_the_largest_room_fits_into_one_message(stage) -> None:
    from natter.bus.snapshot import SNAPSHOT_BYTES_MAX

    made = stage()
    made.instant()
    made.quiet = True
    for number in range(made.limits.occupants_max - 1):
        made.join(f"somebody{number}@shakespeare.lit/resource", f"nick {number}", f"<status>{'x' * 1900}</status>")
    for number in range(100):
        made.say(made.crone, f"{number}" + "y" * 5000)
    assert len(made.room.occupants) == made.limits.occupants_max
    assert len(snapshot.encode(made.room)) < SNAPSHOT_BYTES_MAX
