"""natter as a cluster runs it: `natter run SERVICE` per process, a nats-server that lets each do what its edges say."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natter.bus.edges import EDGES, permissions
from natter.runtime import certificates, notice
from stack import NATTER, end_with_parent, wait_for

READY_SECONDS_MAX = 60.0
DOMAIN = "localhost"


def authorization() -> str:
    """What the chart's ConfigMap says, with each user's name for a password."""
    users = ",\n".join(
        f'{{ user: {e.service}, password: "{e.service}-pw", permissions: {json.dumps(permissions(e))} }}' for e in EDGES
    )
    return f"authorization {{ timeout: 5, users: [ {users} ] }}\n"


def free_port() -> int:
    """A loopback port that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class Cluster:
    """Processes by instance name. `port` is that of the nats-server."""

    folder: Path
    port: int = field(default_factory=free_port)
    settings: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def nats_log(self) -> str:
        return (self.folder / "nats.log").read_text()

    def start_nats(self, configuration: str = "") -> None:
        """A nats-server with the users of the edge list, or with a configuration of its own."""
        own = configuration or (
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder / "store"}", max_memory_store: 1TB, max_file_store: 1TB }}\n'
            f"max_payload: 1052672\n{authorization()}"
        )
        (self.folder / "nats.conf").write_text(own)
        program = Path(sys.executable).with_name("nats-server")
        command = [str(program), "-c", str(self.folder / "nats.conf")]
        self._spawn("nats", command, dict(os.environ), self.folder / "nats.log")
        wait_for("nats-server", lambda: "Server is ready" in self.nats_log, seconds_max=READY_SECONDS_MAX)

    def environment(self, user: str, **settings: str) -> dict[str, str]:
        """What a container of this service is given."""
        return {
            "PATH": os.environ["PATH"],
            "NATTER_CONFIG": "",
            "NATTER_BUS__URL": self.url,
            "NATTER_BUS__USER": user,
            "NATTER_BUS__PASSWORD": f"{user}-pw",
            "NATTER_SERVER__DOMAIN": DOMAIN,
            **{f"NATTER_{k.upper()}": v for k, v in {**self.settings, **settings}.items()},
        }

    def run(self, service: str, number: int = 1, *, python_path: str = "", **settings: str) -> str:
        """Start `natter run SERVICE`; its instance name. `ready` waits for it. `python_path`: of another version."""
        instance = f"{service}-{number}"
        own = self.folder / instance
        own.mkdir(exist_ok=True)
        if service == "gateway":
            made = certificates.ensure(self.folder / "tls", DOMAIN)
            settings = {
                "server__tls_certificate": str(made.certificate),
                "server__tls_key": str(made.key),
                "gateway__c2s": "127.0.0.1:0",
                "gateway__c2s_tls": "127.0.0.1:0",
                **settings,
            }
        if service == "metrics":
            settings = {"metrics__http": "127.0.0.1:0", **settings}
        given = {
            "runtime__instance": instance,
            "server__data": str(own),
            "runtime__notice": str(own / "notice.json"),
            **settings,
        }
        environ = self.environment(service, **given) | ({"PYTHONPATH": python_path} if python_path else {})
        self._spawn(instance, [str(NATTER), "run", service], environ, own / "log")
        return instance

    def ready(self, *instances: str) -> None:
        """Wait until all of them serve."""
        for instance in instances:
            path, process = self.folder / instance / "notice.json", self.processes[instance]
            wait_for(
                f"{instance} is ready",
                lambda path=path, process=process: path.exists() or process.poll() is not None,  # type: ignore[misc]
                seconds_max=READY_SECONDS_MAX,
            )
            assert process.poll() is None, self.log(instance)

    def log(self, instance: str) -> str:
        """What it logged."""
        return (self.folder / instance / "log").read_text(errors="replace")

    def endpoint(self, instance: str, name: str) -> str:
        """host:port of an endpoint that it told."""
        told = notice.read(self.folder / instance / "notice.json")
        assert told is not None
        return told.endpoints[name]

    def cli(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """`natter WORDS --nats URL` as the operator."""
        command = [str(NATTER), *words, "--nats", self.url]
        environ = self.environment("operator", server__data=str(self.folder / "operator"))
        return subprocess.run(
            command, input=stdin, env=environ, capture_output=True, text=True, timeout=60, check=False
        )

    def stop(self, *instances: str) -> dict[str, int]:
        """SIGTERM to these, or to all but NATS; exit status of each."""
        names = instances or tuple(name for name in self.processes if name != "nats")
        for name in names:
            self.processes[name].terminate()
        return {name: self.processes.pop(name).wait(30) for name in names}

    def close(self) -> None:
        """Leave nothing behind."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    def _spawn(self, name: str, command: list[str], environ: dict[str, str], log: Path) -> None:
        with log.open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command,
                env=environ,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )


def whole(cluster: Cluster, services: list[str], *, gateways: int = 2, **settings: Any) -> list[str]:
    """Start one process of every service and some gateways; wait until all serve."""
    began = time.monotonic()
    started = [cluster.run(s, n, **settings) for s in services for n in range(1, gateways + 1 if s == "gateway" else 2)]
    cluster.ready(*started)
    print(f"{len(started)} processes in {time.monotonic() - began:.1f} s")
    return started
