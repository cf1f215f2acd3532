"""The order in which a frame is decided: tuples of steps. A step decides, or leaves it to the next with None."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from natter.proto.v1.bus_pb2 import KIND_IQ, KIND_MESSAGE, KIND_PRESENCE, Frame

from .question import AnswerTo
from .route import copies, history, iq, message, presence, returned
from .route.outcome import BAD_REQUEST, Outcomes
from .route.view import Directory, Hosts
from .xeps import carbons, disco, entity_time, last_activity, ping, software_version

Step: TypeAlias = Callable[[Frame, Directory, Hosts], Outcomes | None]

STEPS: Final[Mapping[int, tuple[Step, ...]]] = {
    KIND_MESSAGE: (
        # First, because nearly every message ends here.
        message.to_session,
        message.by_address,
    ),
    KIND_PRESENCE: (presence.by_type,),
    KIND_IQ: (
        iq.to_session,
        iq.by_address,
    ),
}

# Requests to the server or to the sender's own account that the router answers itself.
ANSWERS: Final[Mapping[str, AnswerTo]] = {
    disco.INFO: disco.info,
    disco.ITEMS: disco.items,
    software_version.QUERY: software_version.version,
    ping.PING: ping.pong,
    entity_time.TIME: entity_time.time,
    last_activity.QUERY: last_activity.uptime,
}

# Requests of type 'set' that it answers: what they ask for was done before they came.
ORDERS: Final[Mapping[str, AnswerTo]] = {
    carbons.ENABLE: carbons.done,
    carbons.DISABLE: carbons.done,
}

# What the router itself adds to the server's disco#info.
FEATURES: Final = (
    *carbons.FEATURES,
    *disco.FEATURES,
    *software_version.FEATURES,
    *ping.FEATURES,
    *entity_time.FEATURES,
    *last_activity.FEATURES,
)


def decide(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes:
    """What becomes of a frame of a lane."""
    if frame.returned:
        return returned.again(frame, directory, hosts, _first)
    return _first(frame, directory, hosts)


def _first(frame: Frame, directory: Directory, hosts: Hosts) -> Outcomes:
    for step in STEPS.get(frame.kind, ()):
        outcomes = step(frame, directory, hosts)
        if outcomes is not None:
            # First what follows for who gets it, then what is kept: the id of that is on every copy.
            return history.kept(frame, copies.copied(frame, outcomes, directory, hosts), hosts)
    return BAD_REQUEST
