"""Logs: one JSON object per line, with trace and span ids where there are any, never content."""

from __future__ import annotations

import json
import logging
import os
import sys
import traceback
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from typing import Any

FILES_KEPT = 3
# What every LogRecord has; anything else came in through `extra=`.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
# Exceptions of these places and kinds describe the system. All others (ValueError, KeyError, UnicodeError …) may quote
# what a client sent, so that only their type and frames are logged.
TELLING_MODULES = ("natter.", "nats.", "ssl", "asyncio.")
TELLING_TYPES = (
    OSError,
    ImportError,
    AttributeError,
    NameError,
    TypeError,
    AssertionError,
    RuntimeError,
)
FRAMES_MAX = 20


def exception_text(error: BaseException) -> str:
    """Type and frames of an exception and its causes; its message only where that cannot be a client's words."""
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None and len(parts) < 5:
        kind = type(seen)
        telling = isinstance(seen, TELLING_TYPES) or f"{kind.__module__}.".startswith(TELLING_MODULES)
        message = f": {seen}" if telling and not isinstance(seen, UnicodeError) else ""
        frames = traceback.extract_tb(seen.__traceback__)[-FRAMES_MAX:]
        where = " < ".join(f"{f.filename.rpartition('/src/')[2]}:{f.lineno} {f.name}" for f in reversed(frames))
        parts.append(f"{kind.__qualname__}{message} ({where})" if where else f"{kind.__qualname__}{message}")
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)
    return " | from ".join(parts)


class JsonFormatter(logging.Formatter):
    """One line per record. Fields given with `extra=` appear under their names, if they are plain values."""

    def __init__(self, service: str, instance: str) -> None:
        super().__init__()
        self.fixed = {"service": service, "instance": instance}

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self.fixed,
        }
        for name, value in vars(record).items():
            if name not in STANDARD and isinstance(value, str | int | float | bool) and value != "":
                line[name] = value
        if record.exc_info and record.exc_info[1] is not None:
            line["exception"] = exception_text(record.exc_info[1])
        return json.dumps(line, ensure_ascii=False)


class PipeHandler(logging.Handler):
    """Writes to a pipe that nobody may be reading: what does not fit is dropped, the process never waits for it."""

    def __init__(self, fd: int, level: int) -> None:
        super().__init__(level)
        self.fd = fd
        os.set_blocking(fd, False)

    def emit(self, record: logging.LogRecord) -> None:
        """One write; a line longer than a pipe's atomic unit is cut off."""
        line = self.format(record).encode(errors="replace")
        try:
            os.write(self.fd, line[:4000] + b"\n")
        except OSError:
            pass


def _without_words(record: logging.LogRecord) -> bool:
    """FastStream puts the words of an exception into the message, where the formatter does not look."""
    if record.exc_info:
        record.msg, record.args = "a handler failed", ()
    return True


def configure(
    service: str, instance: str, *, level: str, file: str = "", file_bytes_max: int = 10 << 20
) -> logging.Logger:
    """Set up logging for this process: all to `file` and warnings to standard error too; without a file all to it."""
    formatter = JsonFormatter(service, instance)
    handlers: list[logging.Handler] = []
    if file:
        rotating = RotatingFileHandler(
            file, maxBytes=file_bytes_max, backupCount=FILES_KEPT - 1, encoding="utf-8", delay=True
        )
        handlers = [rotating, PipeHandler(sys.stderr.fileno(), logging.WARNING)]
    else:
        handlers = [logging.StreamHandler(sys.stderr)]
    for handler in handlers:
        handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(level.upper())
    # These speak at INFO about every connection and request, with subjects and addresses.
    for chatty in (
        "nats",
        "faststream",
        "natter.faststream",
        "uvicorn",
        "uvicorn.error",
        "uvicorn.access",
        "asyncio",
        "clickhouse_connect",
    ):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, root.level))
    logging.getLogger("natter.faststream").addFilter(_without_words)
    logging.raiseExceptions = False
    return logging.getLogger(f"natter.{service}")
