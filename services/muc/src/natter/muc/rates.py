"""How fast one user may speak, come in, change presence and ask in one room."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from natter.proto.v1 import bus_pb2
from natter.xmpp.traits import Trait

from .room.request import IQ, MESSAGE, PRESENCE

# Buckets remembered; the one that was longest not used is forgotten, and full again.
BUCKETS_MAX: Final = 50_000


class Action(Enum):
    """What is counted apart."""

    MESSAGE = "messages"
    PRESENCE = "presence changes"
    JOIN = "joins"
    IQ = "questions"


# Of each in its seconds, where an operator wants to be strict.
STRICT: Final = {Action.MESSAGE: 10, Action.PRESENCE: 5, Action.JOIN: 10, Action.IQ: 20}
# The seconds in which so many may be done.
SECONDS: Final = {Action.MESSAGE: 10, Action.PRESENCE: 60, Action.JOIN: 60, Action.IQ: 10}


def action_of(frame: bus_pb2.Frame) -> Action | None:
    """What a stanza for a room is; None for what is never refused: leaving, answers, errors."""
    if frame.type in ("error", "result", "unavailable"):
        return None
    if frame.kind == MESSAGE:
        return Action.MESSAGE
    if frame.kind == PRESENCE and not frame.type:
        return Action.JOIN if frame.traits & Trait.MUC_JOIN else Action.PRESENCE
    return Action.IQ if frame.kind == IQ else None


@dataclass(slots=True)
class Rates:
    """Token buckets by room, user and action. `limits`: how many in the action's seconds; 0 or absent: any number."""

    limits: dict[Action, int]
    _buckets: OrderedDict[tuple[str, str, Action], tuple[float, int]] = field(default_factory=OrderedDict)

    def allow(self, room: str, bare: str, action: Action, now_us: int) -> bool:
        """Take one token, if there is one."""
        most = self.limits.get(action, 0)
        if not most:
            return True
        key = (room, bare, action)
        tokens, then_us = self._buckets.pop(key, (float(most), now_us))
        tokens = min(float(most), tokens + max(0, now_us - then_us) * most / (SECONDS[action] * 1_000_000))
        allowed = tokens >= 1
        self._buckets[key] = (tokens - allowed, now_us)
        if len(self._buckets) > BUCKETS_MAX:
            self._buckets.popitem(last=False)
        return allowed
