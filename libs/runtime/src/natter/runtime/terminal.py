"""What the launcher says on the terminal: plain lines, coloured where somebody looks, never a flood."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape

LINES_PER_SECOND_MAX = 20
LINE_CHARACTERS_MAX = 2000
SHOWN_LEVELS = {"warning": "yellow", "error": "red", "critical": "red"}


class Terminal:
    """One writer for all. Beyond a rate lines are counted and dropped: a terminal must never hold anybody up."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.console = console or Console(soft_wrap=True, highlight=False)
        self.clock = clock
        self.second = 0
        self.lines = 0
        self.dropped = 0

    def say(self, text: str, style: str = "") -> None:
        """A line of the launcher's own; always shown."""
        self.console.print(escape(text), style=style or None, soft_wrap=True)

    def log_line(self, instance: str, line: str) -> bool:
        """Show a line of a child's log if it is a warning or worse. False when it is no log line."""
        read = reading(line)
        if read is None:
            return False
        level, text = read
        if level in SHOWN_LEVELS and self._room():
            self.say(f"{instance}: {level}: {text}"[:LINE_CHARACTERS_MAX], SHOWN_LEVELS[level])
        return True

    def _room(self) -> bool:
        second = int(self.clock())
        if second != self.second:
            if self.dropped:
                self.say(f"{self.dropped} more lines are in the log files", "yellow")
            self.second, self.lines, self.dropped = second, 0, 0
        self.lines += 1
        self.dropped += self.lines > LINES_PER_SECOND_MAX
        return self.lines <= LINES_PER_SECOND_MAX


def reading(line: str) -> tuple[str, str] | None:
    """Level and text of a log line, an exception without its frames; None for anything else."""
    try:
        found = json.loads(line)
        level, text = str(found["level"]), str(found["message"])
    except (ValueError, KeyError, TypeError):
        return None
    # "Type: message (frames) | from …": the log file has it all.
    exception = str(found.get("exception", "")).partition(" | from ")[0]
    return level, f"{text}: {exception.rpartition(' (')[0] or exception}" if exception else text
