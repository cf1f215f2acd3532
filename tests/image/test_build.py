"""Both targets of the Dockerfile are built; every service runs from them as in the chart, and people talk."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cluster import DOMAIN, Cluster, free_port
from containers import WRITTEN, Containers
from images import Builder
from layers import Image
from natter.runtime import certificates
from natter.runtime.settings import service_names
from raw import Raw, register_many, tls
from stack import wait_for

pytestmark = pytest.mark.timeout(4000)

READY_SECONDS_MAX = 120
TARGETS = ("runtime", "runtime-metrics")


@dataclass(slots=True)
class Built:
    """What was built, by target, and where it runs."""

    images: dict[str, Image]
    containers: Containers
    folder: Path

    def said(self, name: str, image: Image, *words: str) -> str:
        """What `natter WORDS` prints in a container, which must succeed."""
        process = self.containers.start(name, image, *words)
        assert process.wait(120) == 0, self.containers.output(name)
        return self.containers.output(name)


@pytest.fixture(scope="module")
def built(own_folder: Path) -> Iterator[Built]:
    builder = Builder(own_folder, os.environ["NATTER_IMAGE_BASE"])
    print()
    try:
        builder.start()
        images = {target: builder.build(target) for target in TARGETS}
    finally:
        builder.stop()
    containers = Containers(own_folder / "containers", own_folder.name)
    yield Built(images, containers, own_folder)
    containers.close()


@pytest.mark.parametrize("target", TARGETS)
def test_it_runs_natter_without_root(built: Built, target: str) -> None:
    image = built.images[target]
    assert image.config["User"] == "10001:10001"
    assert "Run one service in the foreground" in built.said(f"help-{target}", image)
    # What else is in it: chDB in one of them, nats-server, tests and the sources in none.
    packages = {path.name for path in image.root.glob("opt/natter/lib/python3*/site-packages/*")}
    assert ("chdb" in packages) is (target == "runtime-metrics")
    assert not {name for name in packages if name.startswith(("pytest", "nats_server"))}
    assert not (image.root / "src").exists()
    # Python writes no bytecode on a read-only root, so it is there, with the time of its source.
    module = next(image.root.glob("opt/natter/lib/python3*/site-packages/natter/runtime/settings.py"))
    (compiled,) = module.parent.glob("__pycache__/settings.*.pyc")
    assert int.from_bytes(compiled.read_bytes()[8:12], "little") == int(module.stat().st_mtime)


def ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


def confined(pid: int) -> None:
    """It runs as the chart has it: the user, no capability, no way to get one, nothing written but where it may."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {"10001"}
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    mounts = [line.split() for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines()]
    options = {words[4]: set(words[5].split(",")) for words in mounts}
    assert "ro" in options["/"]
    with pytest.raises(OSError, match="Read-only"):
        Path(f"/proc/{pid}/root/opt/natter/new").touch()
    assert {place for place in WRITTEN if "rw" in options[place]} == set(WRITTEN)


async def talk(port: int, ca: Path) -> None:
    """One registers, another too, and hears the first."""
    address, secure = ("127.0.0.1", port), tls(ca)
    await register_many(*address, secure, ["alice", "bob"], "pw")
    alice, bob = [await (await Raw.open(*address, secure=secure)).login(n, "pw") for n in ("alice", "bob")]
    alice.send(f"<message to='{bob.jid}' type='chat'><body>from a container</body></message>")
    await bob.until("from a container")


def test_every_service_runs_from_it(built: Built, tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    made = certificates.ensure(tmp_path / "tls", DOMAIN)
    # Kubernetes shows secrets to the group of the pod; here to everybody.
    shown = built.folder / "tls"
    shutil.copytree(made.key.parent, shown)
    for path in (shown, *shown.iterdir()):
        path.chmod(0o755)
    port, ops = free_port(), {service: free_port() for service in service_names()}
    more = {
        "gateway": {
            "server__tls_certificate": f"/mnt/{made.certificate.name}",
            "server__tls_key": f"/mnt/{made.key.name}",
            "gateway__c2s": "",
            "gateway__c2s_tls": f"127.0.0.1:{port}",
            "gateway__drain_seconds_max": "2",
        },
        "metrics": {"metrics__http": "127.0.0.1:0"},
    }
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        cluster.start_nats()
        for service in service_names():
            image = built.images["runtime-metrics" if service == "metrics" else "runtime"]
            given = {"runtime__ops_port": str(ops[service]), "server__open_registration": "true"}
            environ = cluster.environment(service, **given, **more.get(service, {}))
            running[service] = built.containers.start(service, image, "run", service, environ=environ, shown=shown)
        for service, process in running.items():
            wait_for(
                service,
                lambda service=service, process=process: ready(ops[service]) or process.poll() is not None,  # type: ignore[misc]
                seconds_max=READY_SECONDS_MAX,
            )
            assert process.poll() is None, built.containers.output(service)
            confined(built.containers.pid(service))
        asyncio.run(talk(port, made.authority))
        for process in running.values():
            process.send_signal(signal.SIGTERM)
        assert {service: process.wait(60) for service, process in running.items()} == dict.fromkeys(running, 0)
    finally:
        built.containers.close()
        cluster.close()
