"""Failpoints: named places in the code at which a test has this process killed. Off, they cost a look at a global."""

from __future__ import annotations

import os
import signal

# The name of the armed point, "" for none. Ask it before `hit`: `if failpoint.armed: failpoint.hit("…")`.
armed = ""
_left = 0

# A batch was appended and the acknowledgement is here; its sender does not know yet.
AFTER_APPEND = "after-append-before-ack"
# An entry was acknowledged to whoever appended it and is here; nothing was done with it.
BEFORE_WORK = "after-ack-before-route"
# Some of what follows from an entry is on its way, this part is not.
MID_BATCH = "mid-batch"
# A snapshot was written; the journal below it is still there.
MID_SNAPSHOT = "mid-snapshot"
NAMES = (AFTER_APPEND, BEFORE_WORK, MID_BATCH, MID_SNAPSHOT)


def arm(text: str) -> None:
    """`NAME COUNT`: the process is killed when it comes to this point for the COUNT-th time. Empty: off."""
    global armed, _left
    name, _, count = text.strip().partition(" ")
    if name and name not in NAMES:
        raise ValueError(f"no failpoint {name!r}; there are {', '.join(NAMES)}")
    armed, _left = name, int(count or 1)


def hit(name: str) -> None:
    """The code has come to a point."""
    global _left
    if name != armed:
        return
    _left -= 1
    if _left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
