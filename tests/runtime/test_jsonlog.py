"""Log lines: one JSON object each, with ids, without content."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from natter.runtime import jsonlog

CANARY = "canary-4711"


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.raiseExceptions)
    yield
    root.handlers[:], logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])


def record(error: BaseException | None = None, **extra: object) -> logging.LogRecord:
    info = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("natter.router", logging.WARNING, __file__, 1, "took %s s", (3,), info)
    vars(made).update(extra)
    return made


def line(made: logging.LogRecord) -> dict[str, object]:
    text = jsonlog.JsonFormatter("router", "router-1").format(made)
    assert "\n" not in text
    found: dict[str, object] = json.loads(text)
    return found


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_a_line_has_time_level_message_and_who() -> None:
    found = line(record())
    assert found["message"] == "took 3 s"
    assert (found["level"], found["service"], found["instance"]) == ("warning", "router", "router-1")
    assert str(found["time"]).endswith("+00:00")


def test_extra_fields_appear_trace_ids_among_them() -> None:
    found = line(record(trace_id="ab", span_id="cd", lane=3, thing=object()))
    assert (found["trace_id"], found["span_id"], found["lane"]) == ("ab", "cd", 3)
    assert "thing" not in found


@pytest.mark.parametrize(
    "error", [ValueError(CANARY), KeyError(CANARY), UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, "x")]
)
def test_exceptions_that_may_quote_a_client_show_type_and_place_only(error: Exception) -> None:
    text = str(line(record(raised(error)))["exception"])
    assert CANARY not in text
    assert type(error).__name__ in text and "test_jsonlog.py" in text


def test_exceptions_of_the_system_show_their_words_and_their_cause() -> None:
    try:
        try:
            raise ValueError(CANARY)
        except ValueError as cause:
            raise ConnectionRefusedError(111, "Connection refused") from cause
    except OSError as error:
        text = str(line(record(error))["exception"])
    assert "Connection refused" in text and "| from ValueError (" in text and CANARY not in text


def test_with_a_file_warnings_go_to_standard_error_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        monkeypatch.setattr(sys, "stderr", pipe)
        log = jsonlog.configure("router", "router-1", level="info", file=str(tmp_path / "log"))
        log.info("one")
        log.warning("two")
        for _ in range(200):
            log.warning("x" * 3000)  # nobody reads: it must not block
        told = os.read(reading, 65536)
    os.close(reading)
    assert b"two" in told and b"one" not in told
    assert (tmp_path / "log").read_text().count("\n") == 202


def test_the_file_is_put_aside_when_it_is_large(tmp_path: Path) -> None:
    log = jsonlog.configure("router", "router-1", level="info", file=str(tmp_path / "log"), file_bytes_max=10_000)
    for _ in range(500):
        log.info("x" * 100)
    sizes = {p.name: p.stat().st_size for p in tmp_path.iterdir()}
    assert set(sizes) == {"log", "log.1", "log.2"}
    assert max(sizes.values()) <= 10_000


def test_the_words_of_a_handlers_exception_do_not_come_in_by_faststream(tmp_path: Path) -> None:
    jsonlog.configure("accounts", "accounts-1", level="info", file=str(tmp_path / "log"))
    log = logging.getLogger("natter.faststream")
    log.error("ValueError: %s", CANARY, exc_info=raised(ValueError(CANARY)))
    log.info("Received")
    text = (tmp_path / "log").read_text()
    assert CANARY not in text and "a handler failed" in text and "Received" not in text
