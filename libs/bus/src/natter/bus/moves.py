"""Sessions that move to another gateway: what is sent to the new one must not pass what was sent to the old one."""

from __future__ import annotations

from .directory import Directory, Session
from .sender import Senders
from .subjects import deliver


class Moves:
    """One per process that delivers. `follow` the senders of every shard that is opened, `forget` them at its end.

    A gateway that takes a session over reads the log of the old one up to its end before it looks at its own
    (ADR 0006). That is enough only if everything meant for the old one is in there by then: its sender is waited for.
    """

    def __init__(self, directory: Directory) -> None:
        self._following: set[Senders] = set()
        directory.on_change(self._changed)

    def follow(self, senders: Senders) -> None:
        """Hold these to the order from now on."""
        self._following.add(senders)

    def forget(self, senders: Senders) -> None:
        """They are closed. Idempotent."""
        self._following.discard(senders)

    def moved(self, before: str, after: str) -> None:
        """A session has left the gateway `before` for `after`."""
        for senders in self._following:
            senders.moved(deliver(before), deliver(after))

    def _changed(self, before: Session | None, after: Session | None) -> None:
        if before is None or after is None or before.session != after.session or before.gateway == after.gateway:
            return
        self.moved(before.gateway, after.gateway)
