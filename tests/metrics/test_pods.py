"""What is said to Kubernetes' API, over real HTTP; a real API server hears it in tests/k8s."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from kubernetes.aio.client import Configuration
from natter.metrics.pods import COST, Pods

Said = list[tuple[str, str, str]]


@pytest.fixture
def api() -> Iterator[tuple[str, Said]]:
    """An API server that knows the pod `there`, and what it was told."""
    said: Said = []

    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            said.append((self.path, self.headers["Content-Type"], body))
            known = self.path.endswith("/there")
            answer = json.dumps(
                {"kind": "Pod", "metadata": {"name": "there"}} if known else {"kind": "Status"}
            ).encode()
            self.send_response(200 if known else 404, None if known else "Not Found")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", said
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_merge_patch_of_one_annotation(api: tuple[str, Said]) -> None:
    url, said = api
    pods = Pods("chat", Configuration(host=url))
    await pods.annotate("there", 12)
    assert [(path, kind, json.loads(body)) for path, kind, body in said] == [
        (
            "/api/v1/namespaces/chat/pods/there",
            "application/merge-patch+json",
            {"metadata": {"annotations": {COST: "12"}}},
        )
    ]
    with pytest.raises(OSError, match="404"):
        await pods.annotate("gone", 1)
    await pods.close()


async def test_an_api_server_that_is_away_is_an_oserror() -> None:
    pods = Pods("chat", Configuration(host="http://127.0.0.1:1"))
    async with asyncio.timeout(20):
        with pytest.raises(OSError):
            await pods.annotate("there", 1)
    await pods.close()
