"""Making events: an event names its cause, its time and, for an IQ set, whom to answer."""

from __future__ import annotations

from natter.proto.v1 import room_pb2

from .request import IQ, Request

Event = room_pb2.RoomEvent


def event(request: Request) -> Event:
    """An event of that cause, without content yet."""
    made = Event(time_us=request.now_us)
    if request.cause.sequence:
        made.source = request.cause.source
        made.sequence = request.cause.sequence
        made.index = request.cause.index
        made.accepted_us = request.cause.accepted_us
    return made


def answered(request: Request) -> Event:
    """An event that answers the IQ set it comes from, once it is stored."""
    made = event(request)
    if request.kind == IQ:
        made.answer.id = request.id
        made.answer.to = request.sender
        made.answer.session = request.session
    return made


def presence(attributes: bytes, payload: bytes) -> room_pb2.OccupantPresence:
    """What an occupant says of itself."""
    return room_pb2.OccupantPresence(attributes=attributes, payload=payload)
