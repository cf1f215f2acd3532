"""Directed presence: RFC 6121 §4.6."""

from __future__ import annotations

from dataclasses import replace

from natter.proto.v1 import bus_pb2
from natter.xmpp.jid import bare_of

from ..effects import NOTHING, Command, Decision, Policy, Send, Via
from ..user import SessionChanged, User
from .leaving import current
from .reply import error


def directed(user: User, command: Command, policy: Policy) -> Decision | None:
    """Presence for one address. Where it went is remembered until it is taken back."""
    frame = command.frame
    if frame.kind != bus_pb2.KIND_PRESENCE or not frame.to or frame.type not in ("", "unavailable"):
        return None
    session, effects = current(user, frame, policy)
    if policy.is_local(frame.to):
        effects.append(Send(Via.SESSIONS, frame.stanza, frame.type, frame.sender, frame.to))
    elif not policy.is_room(frame.to):
        return _nowhere(frame, policy)
    # COMPAT(routers before ADR 18): a room has it already; here it is only remembered.
    targets, limit = remember(session.directed, frame.to, frame.type == "", policy)
    if targets == session.directed:
        return Decision(effects=tuple(effects))
    return Decision((), (SessionChanged(replace(session, directed=targets)),), tuple(effects), limit)


def remember(targets: tuple[str, ...], to: str, available: bool, policy: Policy) -> tuple[tuple[str, ...], str]:
    """The targets after presence to `to`, and the limit that was hit. The oldest target is forgotten at the limit."""
    if policy.is_room(to):
        # XEP-0045 §7.6: in a room one is under one nickname, the last one.
        kept = tuple(target for target in targets if bare_of(target) != bare_of(to))
    elif available:
        if to in targets:
            return targets, ""
        kept = targets
    else:
        kept = tuple(target for target in targets if target != to)
    if not available:
        return kept, ""
    full = len(kept) >= policy.limits.directed_max
    return (*(kept[1:] if full else kept), to), "directed" if full else ""


def _nowhere(frame: bus_pb2.Frame, policy: Policy) -> Decision:
    domain = bare_of(frame.to).rpartition("@")[2]
    if frame.type or domain == policy.domain:
        return NOTHING
    return Decision(effects=(error(frame, "remote-server-not-found"),))
