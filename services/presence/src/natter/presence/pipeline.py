"""Who looks at a frame, in order: the first step that has an answer decides."""

from __future__ import annotations

from collections.abc import Callable

from natter.proto.v1 import bus_pb2

from .model.decide import broadcast, directed, items, leaving, probes, removed, subscriptions
from .model.decide.reply import error
from .model.effects import NOTHING, Command, Decision, Policy
from .model.user import User
from .xeps import last_activity, roster_versioning

Step = Callable[[User, Command, Policy], Decision | None]


def unanswered(user: User, command: Command, policy: Policy) -> Decision | None:
    """An IQ that nobody here knows."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_IQ or frame.type not in ("get", "set") or not frame.session:
        return None
    # RFC 6120 §8.4: an IQ request is always answered.
    return Decision(effects=(error(frame, "service-unavailable"),))


# What the user's own sessions say.
FROM_SESSION: tuple[Step, ...] = (
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
)


def decide(user: User, command: Command, policy: Policy) -> Decision:
    """What follows from one frame."""
    for step in FROM_SESSION if command.frame.session else FROM_SERVICE:
        decision = step(user, command, policy)
        if decision is not None:
            return decision
    return NOTHING
