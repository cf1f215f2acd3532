"""NATS header blocks: status line and fields."""

from __future__ import annotations

OPERATION = b"KV-Operation:"


def status(header: bytes) -> int:
    """The status of a control message ("NATS/1.0 404 No Messages"), 0 for an ordinary one."""
    return int(header[9:12]) if header[8:9] == b" " else 0


def fields(header: bytes) -> dict[str, str]:
    """All fields; the status line's text under ""."""
    lines = header.decode("utf-8", "replace").split("\r\n")
    found = {"": lines[0][13:]}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            found[name] = value.strip()
    return found


def operation(header: bytes) -> str:
    """KV-Operation (ADR-8), "" for a put. An expiry marker of the server (Nats-Marker-Reason, ADR-43) is a delete."""
    if OPERATION not in header:
        return "DEL" if b"Nats-Marker-Reason:" in header else ""
    start = header.index(OPERATION) + len(OPERATION)
    found = header[start : header.index(b"\r\n", start)].strip().decode()
    return "" if found == "PUT" else found


def block(*, msg_id: str, expect_last: int | None, operation: str, ttl_seconds: float) -> str:
    """The header block of a publish."""
    lines = ["NATS/1.0\r\n"]
    if msg_id:
        lines.append(f"Nats-Msg-Id: {msg_id}\r\n")
    if expect_last is not None:
        lines.append(f"Nats-Expected-Last-Subject-Sequence: {expect_last}\r\n")
    if operation:
        lines.append(f"KV-Operation: {operation}\r\n")
    if ttl_seconds:
        # ADR-43: whole seconds, at least one.
        lines.append(f"Nats-TTL: {max(1, round(ttl_seconds))}\r\n")
    lines.append("\r\n")
    return "".join(lines)
