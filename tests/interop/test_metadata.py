"""What analytics know of a run, and what nobody may know: a canary in every body is in no row, log, span or metric."""

from __future__ import annotations

import asyncio
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from natter.storage import clickhouse
from numbered import exchange, pairs
from raw import register_many, tls
from stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(240)]

CANARY = "canary-body-9c41e7d2"
NAMES = [f"quiet{i}" for i in range(8)]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Stack]:
    running = Stack(
        tmp_path / "own", "--gateways", "2", "--routers", "2", "--open-registration", "--no-rate-limits"
    ).start()
    try:
        yield running
    finally:
        running.stop()


def http(stack: Stack, path: str) -> str:
    host, port = stack.endpoint("http")
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


async def test_rows_say_what_happened_and_no_body(own: Stack) -> None:
    secure = tls(own.ca)
    address = own.endpoint("c2s_tls")
    await register_many(*address, secure, NAMES, "pw")
    those = await pairs(*address, secure, NAMES, "pw")
    assert (await exchange(those, run="meta", count=100, canary=CANARY)).exact
    those[0].sender.send(
        "<message to='nobody@localhost' type='groupchat' id='b1'>"
        f"<body>{CANARY}</body><subject>{CANARY}</subject></message>"
    )
    await those[0].sender.until("service-unavailable")
    await asyncio.gather(*(c.close() for p in those for c in (p.sender, p.receiver)))

    metrics = [
        urllib.request.urlopen(f"http://{ops}/metrics", timeout=5).read().decode()
        for ops in own.run_json()["endpoints"]["ops"].values()
    ]
    assert any("xmpp_stanza_latency_seconds_bucket" in m for m in metrics)
    assert own.stop() == 0
    for text in metrics:
        assert CANARY not in text
        assert "quiet0" not in text

    for log in (own.data / "log").rglob("*"):
        assert CANARY not in log.read_text(errors="replace"), log
    assert CANARY not in own.output()
    for file in (own.data / "chdb").rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file

    rows = clickhouse.dump(own.data)
    assert CANARY not in repr(rows)
    messages = [r for r in rows if r["kind"] == "message"]
    sent = [r for r in messages if r["direction"] == "in" and r["type"] == "chat"]
    delivered = [r for r in messages if r["direction"] == "out" and r["outcome"] == "delivered" and r["type"] == "chat"]
    assert [r["outcome"] for r in sent].count("accepted") == 400
    assert len(delivered) == 400
    assert all(r["bytes"] > len(CANARY) for r in sent + delivered)
    assert all(r["latency_us"] > 0 for r in delivered)
    assert [r["outcome"] for r in messages].count("bounced") == 1
