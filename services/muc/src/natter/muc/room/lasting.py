"""What of a room outlives those who are in it: configuration and affiliations, without a word. Profile zero, ADR 22."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from natter.proto.v1 import room_pb2

from .state import Room

# What is settled, and what of it is words or people all the same.
_LASTING: Final[Mapping[str, tuple[str, ...]]] = {
    "room_created": (),
    "rights_changed": ("occupants", "actor"),
    "config_changed": ("occupants", "statuses"),
    "room_destroyed": ("reason", "password"),
    "registration_requested": (),
    "registration_refused": (),
    "card_changed": (),
    "hat_changed": (),
    "hat_assigned": (),
}


def lasting(event: room_pb2.RoomEvent) -> room_pb2.RoomEvent | None:
    """The event without what was said or done by people in the room; None where nothing is left."""
    kind = event.WhichOneof("event") or ""
    if kind not in _LASTING:
        return None
    own = room_pb2.RoomEvent()
    own.CopyFrom(event)
    own.ClearField("answer")
    for name in _LASTING[kind]:
        getattr(own, kind).ClearField(name)
    if kind == "rights_changed":
        for change in own.rights_changed.affiliations:
            change.reason = ""
        if not own.rights_changed.affiliations:
            return None
    return own


def settled(room: Room) -> Room:
    """The room with nobody in it who ever said a word."""
    affiliations = {jid: replace(known, reason="") for jid, known in room.affiliations.items()}
    stone = room.tombstone
    return replace(
        room,
        affiliations=affiliations,
        occupants={},
        nicks={},
        nick_keys={},
        history=(),
        history_bytes=0,
        subject=None,
        voices={},
        tombstone=replace(stone, reason="") if stone is not None else None,
    )
