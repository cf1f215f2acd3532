"""NATS header blocks."""

from __future__ import annotations

from natter.bus.headers import block, fields, operation, status


def test_status_and_its_fields() -> None:
    header = b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 7\r\nNats-Pending-Bytes: 0\r\n\r\n"
    assert status(header) == 408
    assert fields(header) == {"": "Request Timeout", "Nats-Pending-Messages": "7", "Nats-Pending-Bytes": "0"}
    assert status(b"NATS/1.0 503\r\n\r\n") == 503


def test_ordinary_message_has_no_status() -> None:
    assert status(b"") == 0
    assert status(b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n") == 0


def test_operation() -> None:
    assert operation(b"") == ""
    assert operation(b"NATS/1.0\r\nNats-Msg-Id: 1\r\n\r\n") == ""
    assert operation(b"NATS/1.0\r\nKV-Operation: DEL\r\nNats-TTL: 5\r\n\r\n") == "DEL"
    assert operation(b"NATS/1.0\r\nKV-Operation:PURGE\r\n\r\n") == "PURGE"
    assert operation(b"NATS/1.0\r\nKV-Operation: PUT\r\n\r\n") == ""
    assert operation(b"NATS/1.0\r\nNats-Marker-Reason: MaxAge\r\n\r\n") == "DEL"


def test_block() -> None:
    assert block(msg_id="a.1", expect_last=0, operation="DEL", ttl_seconds=0.4) == (
        "NATS/1.0\r\nNats-Msg-Id: a.1\r\nNats-Expected-Last-Subject-Sequence: 0\r\n"
        "KV-Operation: DEL\r\nNats-TTL: 1\r\n\r\n"
    )
    assert block(msg_id="", expect_last=None, operation="", ttl_seconds=0) == "NATS/1.0\r\n\r\n"
