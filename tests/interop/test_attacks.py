"""What strangers may try before they have authenticated (the limits of SECURITY.md), against the real processes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw import OPEN, Closed, Raw, tls
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

HEADER = OPEN.format(domain="localhost")
AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A system with short time limits and rate limits on."""
    flags = ["--gateways", "1", "--routers", "1"]
    for setting in ("gateway.tls_seconds_max=2", "gateway.bind_seconds_max=3"):
        flags += ["--set", setting]
    running = Stack(tmp_path_factory.mktemp("fortress"), *flags).start()
    try:
        yield running
    finally:
        running.stop()


SHAPES = {
    "eight KiB of header": (HEADER[:-1] + " x='" + "y" * 9000 + "'>", "policy-violation"),
    "eight KiB of element": (HEADER + AUTH + "y" * 9000, "policy-violation"),
    "too many elements": (HEADER + AUTH + "<a/>" * 40, "policy-violation"),
    "too deep": (HEADER + AUTH + "<a>" * 12, "policy-violation"),
    "a DTD": ("<!DOCTYPE x [<!ENTITY a 'b'>]>" + HEADER, "restricted-xml"),
    "an entity": (HEADER + AUTH + "&lol;</auth>", "restricted-xml|not-well-formed"),
    "a comment": (HEADER + "<!-- hello -->", "restricted-xml"),
    "a processing instruction": (HEADER + "<?php hello ?>", "restricted-xml"),
    "bad UTF-8": ((HEADER + AUTH).encode() + b"\xff\xfe</auth>", "not-well-formed|unsupported-encoding"),
    "UTF-16": (("\ufeff" + HEADER).encode("utf-16-le"), "not-well-formed|unsupported-encoding"),
    "another encoding": ("<?xml version='1.0' encoding='ISO-8859-1'?>" + HEADER, "unsupported-encoding"),
    "not XML": ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "not-well-formed"),
    "a NUL": (HEADER + AUTH + "\0</auth>", "not-well-formed"),
    "an unbound prefix": (HEADER + "<x:auth/>", "bad-namespace-prefix|not-well-formed"),
    "another host": (OPEN.format(domain="elsewhere.example"), "host-unknown"),
    "a stanza first": (
        HEADER + "<message to='a@localhost'><body>x</body></message>",
        "not-authorized|policy-violation",
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_hostile_input_is_answered_with_its_error(fortress: Stack, shape: str) -> None:
    said, condition = SHAPES[shape]
    connection = await Raw.open(*fortress.endpoint("c2s"))
    connection.send(said)
    answer = await connection.until_closed(seconds=10)
    assert "<stream:error>" in answer
    assert any(f"<{c}" in answer for c in condition.split("|")), answer


async def test_slowloris_is_closed_in_time(fortress: Stack) -> None:
    connection = await Raw.open(*fortress.endpoint("c2s"))

    async def drip() -> None:
        for byte in (HEADER + " " * 500).encode():
            connection.send(bytes([byte]))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    try:
        answer = await connection.until_closed(seconds=8)
    finally:
        dripping.cancel()
    assert "<connection-timeout" in answer or "<policy-violation" in answer


async def test_tls_and_then_silence_is_closed_in_time(fortress: Stack) -> None:
    connection = await Raw.open(*fortress.endpoint("c2s_tls"), secure=tls(fortress.ca))
    await connection.features()
    assert "<connection-timeout" in await connection.until_closed(seconds=10)


async def test_what_is_pipelined_behind_starttls_is_discarded(fortress: Stack) -> None:
    connection = await Raw.open(*fortress.endpoint("c2s"))
    await connection.features()
    connection.send("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><auth mechanism='PLAIN'>injected</auth>")
    await connection.until("<proceed[^>]*/>")
    await connection.writer.start_tls(tls(fortress.ca), server_hostname="localhost")
    assert "mechanism" in await connection.features()
    connection.writer.close()


async def test_tls_1_1_is_refused(fortress: Stack) -> None:
    old = tls(fortress.ca)
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError, OSError)):
        await Raw.open(*fortress.endpoint("c2s_tls"), secure=old)


async def test_the_third_failure_ends_the_connection(fortress: Stack) -> None:
    connection = await Raw.open(*fortress.endpoint("c2s_tls"), secure=tls(fortress.ca))
    await connection.features()
    for _ in range(3):
        connection.send("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AG5vYm9keQB3cm9uZw==</auth>")
        try:
            await connection.until("<failure.*?</failure>")
        except Closed:
            break
    assert "policy-violation" in await connection.until_closed(seconds=10)


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


async def test_memory_is_back_after_many_strangers(fortress: Stack) -> None:
    """Two rounds of the same attack: the second must not take more than the first left behind."""
    pid = fortress.pids("gateway")[0]

    async def round_() -> int:
        strangers = [await Raw.open(*fortress.endpoint("c2s")) for _ in range(200)]
        for stranger in strangers:
            stranger.send(HEADER + AUTH + "z" * 9000)
        await asyncio.gather(*(s.until_closed(seconds=15) for s in strangers))
        for stranger in strangers:
            stranger.writer.close()
        return resident_kib(pid)

    await round_()
    first = await round_()
    for _ in range(3):
        last = await round_()
    assert last - first < 2048, f"{first} KiB after two rounds, {last} KiB after five"
