"""Who looks at a frame, in order: the first step that has an answer decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from natter.proto.v1 import bus_pb2

from .model.decide import blocking, broadcast, directed, items, leaving, probes, removed, subscriptions
from .model.decide.reply import error
from .model.effects import NOTHING, Command, Decision, Policy
from .model.user import SessionChanged, User
from .xeps import last_activity, roster_versioning

Step = Callable[[User, Command, Policy], Decision | None]


def unanswered(user: User, command: Command, policy: Policy) -> Decision | None:
    """An IQ that nobody here knows."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_IQ or frame.type not in ("get", "set") or not frame.session:
        return None
    # RFC 6120 §8.4: an IQ request is always answered.
    return Decision(effects=(error(frame, "service-unavailable"),))


def cause_of(frame: bus_pb2.Frame) -> int:
    """The place in the lanes of a presence that sets or ends what a session says; 0 for anything else."""
    if frame.kind != bus_pb2.KIND_PRESENCE or frame.type not in ("", "unavailable"):
        return 0
    return frame.sequence << 32 | frame.index


def overtaken(user: User, command: Command, policy: Policy) -> Decision | None:
    """Presence that a router repeats behind newer presence of the session: it must not come back."""
    cause = cause_of(command.frame)
    session = user.sessions.get(command.frame.sender) if cause and not command.frame.ended else None
    if session is None or session.session != command.frame.session or cause >= session.cause:
        return None
    # Older by the sender's clock as well: a lane kept in memory may have been lost, and begun again.
    if command.frame.accepted_us >= session.since_us:
        return None
    return NOTHING


# What the user's own sessions say.
FROM_SESSION: tuple[Step, ...] = (
    overtaken,  # before anything old is done again
    items.foreign,  # before the roster is touched
    roster_versioning.get,  # with `ver`; what is left is a plain get
    items.get,
    items.set_,
    last_activity.answer,
    subscriptions.outbound,
    probes.ask,
    directed.directed,  # has `to`; what is left is broadcast
    broadcast.available,
    leaving.unavailable,
    unanswered,
)

# What other services say to the user.
FROM_SERVICE: tuple[Step, ...] = (
    subscriptions.inbound,
    probes.answer,
    removed.removed,
    removed.told,
    blocking.changed,
)


def decide(user: User, command: Command, policy: Policy) -> Decision:
    """What follows from one frame."""
    for step in FROM_SESSION if command.frame.session else FROM_SERVICE:
        decision = step(user, command, policy)
        if decision is not None:
            return _marked(decision, command.frame)
    return NOTHING


def _marked(decision: Decision, frame: bus_pb2.Frame) -> Decision:
    """What has changed in the session that sent `frame` remembers which frame it was."""
    cause = cause_of(frame) if frame.session else 0
    if not cause or not decision.changes:
        return decision
    changes = tuple(
        SessionChanged(replace(c.session, cause=cause))
        if isinstance(c, SessionChanged) and c.session.session == frame.session
        else c
        for c in decision.changes
    )
    return replace(decision, changes=changes)
