"""Sessions that have moved to another gateway: what their old one still says is not theirs any more (ADR 0006)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol

from natter.bus.directory import Session
from natter.proto.v1 import bus_pb2
from natter.proto.v1.bus_pb2 import Frame

# Sessions and gateways remembered per lane; the oldest are forgotten.
FENCED_MAX: Final = 100_000


class Lane(Protocol):
    """What is asked of the lane."""

    def tell(self, gateway: str, frame: Frame) -> None:
        """Something for a gateway itself, once everything that was decided so far is stored."""


@dataclass(slots=True)
class Fences:
    """Of one lane. `fenced` has (session, gateway that it has left)."""

    fenced: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)

    def control(self, lane: Lane, frame: Frame, source: str) -> None:
        """A frame without a stanza."""
        if frame.control == bus_pb2.CONTROL_FENCE:
            self.fenced[frame.session, frame.gateway] = None
            if len(self.fenced) > FENCED_MAX:
                self.fenced.popitem(last=False)
            # RFC 6120 §10.1: only now may it speak from where it is.
            lane.tell(source, Frame(control=bus_pb2.CONTROL_FENCED, session=frame.session))
        elif frame.control == bus_pb2.CONTROL_COUNTED and frame.gateway == source:
            # The session has come (back) to this gateway.
            self.fenced.pop((frame.session, source), None)

    def remember(self, sessions: Iterable[Session], lane: int, position: int) -> None:
        """The lane is opened behind `position`: the fences before it stand in the directory."""
        for session in sessions:
            left = session.fenced_gateway
            if left and left != session.gateway and session.fenced_lane == lane and session.fenced_sequence <= position:
                self.fenced[session.session, left] = None

    def stops(self, frame: Frame, source: str) -> bool:
        """Whether a frame was said by a gateway that did not have the session any more."""
        return not frame.returned and (frame.session, source) in self.fenced
