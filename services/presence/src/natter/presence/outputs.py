"""Effects to frames: who is connected where, and in which log a frame belongs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import assert_never

from natter.bus import subjects
from natter.bus.directory import Directory, Session
from natter.proto.v1 import bus_pb2
from natter.xmpp.jid import bare_of

from .model import render
from .model.effects import Broadcast, Effect, Push, Send, ToSessions, Via
from .model.user import User

# Sessions named in one frame; a larger broadcast is several frames.
FRAME_SESSIONS_MAX = 1000

Output = tuple[str, bus_pb2.Frame]


class Outputs:
    """Turns effects into (subject, frame). Sessions that are gone by now get nothing."""

    def __init__(
        self,
        directory: Directory,
        *,
        user_shards: int,
        room_shards: int,
        blocks: Callable[[str, str], bool] = lambda owner, jid: False,
    ) -> None:
        self._directory = directory
        # Whether a bare JID has blocked somebody (XEP-0191).
        self._blocks = blocks
        self._user_shards = user_shards
        self._room_shards = room_shards

    def frames(self, effects: Iterable[Effect], user: User, cause: bus_pb2.Frame, traceparent: str) -> Iterator[Output]:
        """The frames that follow from `cause`; `user` as he is after the decision."""
        for effect in effects:
            for subject, frame in self._frames(effect, user):
                frame.traceparent = traceparent
                frame.accepted_us = cause.accepted_us
                yield subject, frame

    def _frames(self, effect: Effect, user: User) -> Iterator[Output]:
        match effect:
            case ToSessions():
                # XEP-0191 §3.3: nothing is delivered from who is blocked.
                if not effect.sender or not self._blocks(user.jid, effect.sender):
                    yield from self._to_sessions(effect)
            case Broadcast(stanza=stanza, type=type, sender=sender, to=to, blocked=blocked):
                to = [jid for jid in to if self._may(user.jid, sender, jid, blocked)]
                frame = bus_pb2.Frame(kind=bus_pb2.KIND_PRESENCE, type=type, sender=sender, stanza=stanza)
                targets = [(session, jid) for jid in to for session in self._available(jid)]
                yield from _deliveries(frame, targets)
            case Send():
                if self._may(bare_of(effect.sender), effect.sender, effect.to, False):
                    yield from self._send(effect)
            case Push(jid=jid, sessions=sessions):
                frame = bus_pb2.Frame(
                    kind=bus_pb2.KIND_IQ,
                    type="set",
                    sender=user.jid,
                    payload=render.ROSTER_QUERY,
                    stanza=render.push(user.roster, jid),
                )
                yield from _deliveries(frame, [(session, session.jid) for session in self._known(sessions)])
            case _:
                assert_never(effect)

    def _may(self, user: str, sender: str, to: str, blocked: bool) -> bool:
        """Whether neither side has blocked the other; `blocked`: it does not matter whether the user has."""
        return not self._blocks(bare_of(to), sender) and (blocked or not self._blocks(user, to))

    def _to_sessions(self, effect: ToSessions) -> Iterator[Output]:
        frame = bus_pb2.Frame(
            kind=effect.kind, type=effect.type, sender=effect.sender, id=effect.id, stanza=effect.stanza
        )
        yield from _deliveries(frame, [(session, effect.to) for session in self._known(effect.sessions)])

    def _send(self, effect: Send) -> Iterator[Output]:
        frame = bus_pb2.Frame(
            kind=bus_pb2.KIND_PRESENCE, type=effect.type, sender=effect.sender, to=effect.to, stanza=effect.stanza
        )
        match effect.via:
            case Via.USER:
                yield subjects.shard("user", subjects.shard_of(bare_of(effect.to), self._user_shards)), frame
            case Via.ROOM:
                frame.session = effect.session
                yield subjects.shard("room", subjects.shard_of(bare_of(effect.to), self._room_shards)), frame
            case Via.SESSIONS:
                yield from _deliveries(frame, [(session, "") for session in self._at(effect.to)])
            case _:
                assert_never(effect.via)

    def _known(self, ids: Iterable[str]) -> Iterator[Session]:
        for id in ids:
            session = self._directory.by_session(id)
            if session is not None:
                yield session

    def _available(self, bare: str) -> Iterator[Session]:
        for session in self._directory.sessions(bare).values():
            if session.available:
                yield session

    def _at(self, to: str) -> Iterator[Session]:
        # RFC 6121 §8.5.3.1 and §8.5.2.1.2: a full JID is one session, a bare one all available sessions.
        if "/" not in to:
            yield from self._available(to)
            return
        session = self._directory.get(to)
        if session is not None:
            yield session


def _deliveries(frame: bus_pb2.Frame, targets: list[tuple[Session, str]]) -> Iterator[Output]:
    """One frame per gateway. Each target with its `to`, or "" for all, when the stanza has one."""
    gateways: dict[str, list[tuple[str, str]]] = {}
    for session, to in targets:
        gateways.setdefault(session.gateway, []).append((session.session, to))
    for gateway, named in gateways.items():
        subject = subjects.deliver(gateway)
        for start in range(0, len(named), FRAME_SESSIONS_MAX):
            part = named[start : start + FRAME_SESSIONS_MAX]
            copy = bus_pb2.Frame()
            copy.CopyFrom(frame)
            copy.sessions.extend(session for session, _ in part)
            copy.tos.extend(to for _, to in part if to)
            yield subject, copy
