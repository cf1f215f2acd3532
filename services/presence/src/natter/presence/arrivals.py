"""Waiting for the directory replica: a frame may be here before the news of the session that it is about."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from natter.bus.directory import Directory, Session
from natter.proto.v1 import bus_pb2

WAIT_SECONDS_MAX = 1.0
# A frame that was accepted longer ago has nothing to wait for.
LAG_SECONDS_MAX = 5.0
# How long after the end of an account a session of it may have gone on saying things; asked only of sessions that are
# in no directory any more.
LATE_SECONDS_MAX = 10.0
# Sessions that did not come: nobody waits for them again.
GONE_SESSIONS_MAX = 10_000


class Arrivals:
    """Bounded waits for sessions, by id or, where presence is to be answered, by full JID."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._gone: OrderedDict[str, None] = OrderedDict()
        directory.on_change(self._changed)

    def missing(self, frame: bus_pb2.Frame, now_us: int) -> str:
        """Whom `frame` should wait for; "" for nobody."""
        if frame.session:
            name, here = frame.session, frame.ended or self._directory.by_session(frame.session) is not None
        elif frame.type == "probe" and "/" in frame.sender:
            # Whose presence comes later will be sent by the directory's word: it must know the asker by then.
            session = self._directory.get(frame.sender)
            name, here = frame.sender, session is not None and session.available
        else:
            return ""
        if here or name in self._gone or now_us - frame.accepted_us > LAG_SECONDS_MAX * 1e6:
            return ""
        return name

    def here(self, session: str) -> bool:
        """Whether the directory has the session."""
        return self._directory.by_session(session) is not None

    def stale(self, frame: bus_pb2.Frame) -> bool:
        """Whether another session has taken over the resource that `frame` came from."""
        if not frame.session:
            return False
        session = self._directory.get(frame.sender)
        return session is not None and session.session != frame.session

    def outlived(self, frame: bus_pb2.Frame, removal: int, removed_us: int) -> bool:
        """Whether `frame` came from a session of the account that was removed, `removal` in JOURNALS."""
        session = self._directory.by_session(frame.session)
        if session is not None:
            return session.account < removal
        return frame.accepted_us < removed_us + LATE_SECONDS_MAX * 1e6

    async def wait(self, name: str) -> None:
        """Until the directory has the session, or the bound."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(name, [])
        waiters.append(future)
        try:
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with the result.
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await future
        except TimeoutError:
            self._gone[name] = None
            if len(self._gone) > GONE_SESSIONS_MAX:
                self._gone.popitem(last=False)
        finally:
            waiters.remove(future)
            if not waiters:
                self._waiting.pop(name, None)

    def _changed(self, before: Session | None, after: Session | None) -> None:
        if after is None:
            return
        self._gone.pop(after.jid, None)
        names = (after.session, after.jid) if after.available else (after.session,)
        for name in names:
            for future in self._waiting.get(name, ()):
                if not future.done():
                    future.set_result(None)
