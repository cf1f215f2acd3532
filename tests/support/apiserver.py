"""A real kube-apiserver with etcd, on loopback: built by Go once, kept outside the tree."""

from __future__ import annotations

import json
import os
import secrets
import socket
import ssl
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import programs
from stack import end_with_parent, wait_for

KUBERNETES = "v1.34.4"
# kube-apiserver's go.mod takes these from its own tree; published, they have versions of their own.
STAGING = "v0" + KUBERNETES.removeprefix("v1")
MAIN = """package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
"""
BUILD_SECONDS_MAX = 3600


def program() -> str:
    """kube-apiserver."""
    kept = programs.cache() / f"kube-apiserver-{KUBERNETES}"
    with programs.alone("kube-apiserver"):
        if not kept.exists():
            told = programs.go(["mod", "download", "-json", f"k8s.io/kubernetes@{KUBERNETES}"], "kube-apiserver")
            own = Path(json.loads(told)["GoMod"]).read_text()
            staging = sorted({line.split()[0] for line in own.splitlines() if "=> ./staging" in line} - {"replace"})
            with tempfile.TemporaryDirectory(dir=programs.cache()) as folder:
                _build(Path(folder), staging).rename(kept)
    return str(kept)


def _build(folder: Path, staging: list[str]) -> Path:
    lines = ["module natter.test/apiserver", "go 1.24.0", f"require k8s.io/kubernetes {KUBERNETES}"]
    lines += [f"replace {name} => {name} {STAGING}" for name in staging]
    (folder / "go.mod").write_text("\n".join(lines) + "\n")
    (folder / "main.go").write_text(MAIN)
    version = f"-s -w -X k8s.io/component-base/version.gitVersion={KUBERNETES}"
    programs.go(
        ["build", "-mod=mod", "-trimpath", "-ldflags", version, "-o", "kube-apiserver", "."],
        "kube-apiserver",
        cwd=folder,
        seconds_max=BUILD_SECONDS_MAX,
    )
    return folder / "kube-apiserver"


class Refused(Exception):
    """The API server's word against an object."""


def free_port() -> int:
    """A loopback port that nobody has right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True)
class ApiServer:
    """One of our own, its data in `folder`."""

    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    port: int = field(default_factory=free_port)
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self) -> None:
        """Start etcd and the API server; wait until it is ready."""
        etcd, peer = free_port(), free_port()
        url = f"http://127.0.0.1:{etcd}"
        self._spawn(
            "etcd", programs.debian("etcd"), "--data-dir", str(self.folder / "etcd"),
            "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--unsafe-no-fsync",
        )  # fmt: skip
        key = self.folder / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,1,"system:masters"\n')
        self._spawn(
            "kube-apiserver", program(), "--etcd-servers", url, "--bind-address", "127.0.0.1",
            "--secure-port", str(self.port), "--cert-dir", str(self.folder / "certificates"),
            "--service-account-issuer", "https://kubernetes.default.svc", "--service-account-key-file", str(key),
            "--service-account-signing-key-file", str(key), "--token-auth-file", str(self.folder / "tokens.csv"),
            "--authorization-mode", "RBAC", "--service-cluster-ip-range", "10.0.0.0/24",
        )  # fmt: skip
        wait_for("kube-apiserver", self._ready, seconds_max=90)

    def call(
        self, method: str, path: str, body: Any = None, content: str = "application/json", *, token: str = ""
    ) -> Any:
        """The answer to a request of the administrator, or of who has the token. `Refused`: error or warning."""
        request = urllib.request.Request(
            f"https://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {token or self.token}", "Content-Type": content},
        )
        # Its certificate is its own.
        unverified = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, timeout=30, context=unverified) as answer:
                if warning := answer.headers.get("Warning"):
                    raise Refused(warning)
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from None

    def apply(self, one: dict[str, Any], namespace: str, *, dry: bool = False) -> Any:
        """Server-side apply with strict validation."""
        group = one["apiVersion"]
        base = f"/api/{group}" if "/" not in group else f"/apis/{group}"
        plural, namespaced = self.resources(base)[one["kind"]]
        place = f"{base}/namespaces/{namespace}" if namespaced else base
        query = "fieldManager=test&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry else "")
        path = f"{place}/{plural}/{one['metadata']['name']}?{query}"
        return self.call("PATCH", path, one, "application/apply-patch+yaml")

    def resources(self, base: str) -> dict[str, tuple[str, bool]]:
        """Plural and whether it has a namespace, by kind."""
        found = _resources(self.port, base)
        if not found:
            listed = self.call("GET", base)["resources"]
            found |= {r["kind"]: (r["name"], r["namespaced"]) for r in listed if "/" not in r["name"]}
        return found

    def stop(self) -> None:
        """Leave nothing behind."""
        for process in reversed(self.processes):
            process.terminate()
            process.wait(30)

    def log(self, name: str) -> str:
        """What it said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def _ready(self) -> bool:
        for process in self.processes:
            assert process.poll() is None, self.log("kube-apiserver")[-2000:]
        try:
            request = urllib.request.Request(
                f"https://127.0.0.1:{self.port}/readyz", headers={"Authorization": f"Bearer {self.token}"}
            )
            with urllib.request.urlopen(request, timeout=2, context=ssl._create_unverified_context()) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _spawn(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes.append(
                subprocess.Popen(
                    command,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    preexec_fn=end_with_parent,
                    env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
                )
            )


@lru_cache
def _resources(port: int, base: str) -> dict[str, tuple[str, bool]]:
    return {}


if __name__ == "__main__":
    sys.stdout.write(program() + "\n")
