"""What is shown of what children write."""

from __future__ import annotations

import io
import json

from natter.runtime.terminal import LINES_PER_SECOND_MAX, Terminal, reading
from rich.console import Console


def log(level: str, **more: str) -> str:
    return json.dumps({"level": level, "message": "it [happened]", **more})


def test_a_log_line_is_read_with_its_exception_but_without_frames() -> None:
    assert reading(log("warning")) == ("warning", "it [happened]")
    chain = "OSError: no (way) (natter/x.py:1 f < natter/y.py:2 g) | from ValueError (z.py:1 h)"
    assert reading(log("error", exception=chain)) == ("error", "it [happened]: OSError: no (way)")


def test_what_is_no_log_line_is_told_apart() -> None:
    for line in ("Traceback (most recent call last):", "{not json", '{"a": 1}', "[1]", "3", ""):
        assert reading(line) is None
        assert not Terminal(Console(file=io.StringIO())).log_line("x", line)


def test_only_warnings_and_worse_are_shown() -> None:
    out = io.StringIO()
    terminal = Terminal(Console(file=out, soft_wrap=True))
    assert all(terminal.log_line("x", log(level)) for level in ("debug", "info", "warning", "error"))
    assert out.getvalue().count("\n") == 2


def test_lines_are_plain_without_a_terminal_and_a_flood_is_counted() -> None:
    out = io.StringIO()
    now = [1000.0]
    terminal = Terminal(Console(file=out, soft_wrap=True, width=40), clock=lambda: now[0])
    for _ in range(LINES_PER_SECOND_MAX + 5):
        terminal.log_line("router-1", log("warning"))
    assert out.getvalue() == "router-1: warning: it [happened]\n" * LINES_PER_SECOND_MAX
    now[0] += 1
    terminal.log_line("router-1", log("warning"))
    assert "5 more lines are in the log files\nrouter-1: warning" in out.getvalue()


def test_long_lines_are_not_broken() -> None:
    out = io.StringIO()
    Terminal(Console(file=out, soft_wrap=True, width=40)).say("x" * 100)
    assert out.getvalue() == "x" * 100 + "\n"
