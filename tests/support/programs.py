"""Programs and schemas of others that some tests need: found, or got once and kept outside the tree.

The only place where a test may be skipped. The reason says NOT RUN, and pytest's summary shows it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

HELM = ("helm.sh/helm/v3/cmd/helm", "v3.22.0")
# Modules whose archives hold the schemas of custom resources: version, files.
CUSTOM_RESOURCES = {
    "github.com/prometheus-operator/prometheus-operator": (
        "v0.85.0",
        (
            "example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
            "example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
        ),
    ),
    "github.com/kedacore/keda/v2": ("v2.21.0", ("config/crd/bases/keda.sh_scaledobjects.yaml",)),
    "github.com/cert-manager/cert-manager": ("v1.21.2", ("deploy/crds/cert-manager.io_certificates.yaml",)),
}
# Debian's packages, unpacked and not installed: program to package and place in it.
DEBIAN = {
    "promtool": ("prometheus", "usr/bin/promtool"),
    "prometheus": ("prometheus", "usr/bin/prometheus"),
    "etcd": ("etcd-server", "usr/bin/etcd"),
    "debootstrap": ("debootstrap", "usr/sbin/debootstrap"),
    "runc": ("runc", "usr/sbin/runc"),
}
GET_SECONDS_MAX = 600


def cache() -> Path:
    """Where what was got is kept, outside the tree and for good."""
    base = os.environ.get("NATTER_TOOLS") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")) / "natter-tools"
    folder = Path(base).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def not_run(what: str, why: str) -> NoReturn:
    """Say it loudly."""
    pytest.skip(f"NOT RUN: {what}: {why}")


def helm() -> str:
    """The real helm: that of PATH, or built by Go in some minutes, once."""
    if found := shutil.which("helm"):
        return found
    return built(*HELM)


def debian(name: str) -> str:
    """A program of a Debian package: that of PATH, or one unpacked into the cache."""
    if found := shutil.which(name):
        return found
    package, place = DEBIAN[name]
    with alone(package):
        folder = cache() / package
        if not (folder / place).exists():
            _unpack(package, folder)
        return str(folder / place)


def custom_resources() -> list[Path]:
    """The definitions of the custom resources that the chart may make."""
    found = []
    with alone("custom-resources"):
        for module, (version, files) in CUSTOM_RESOURCES.items():
            for file in files:
                kept = cache() / "custom-resources" / version / Path(file).name
                if not kept.exists():
                    kept.parent.mkdir(parents=True, exist_ok=True)
                    told = go(["mod", "download", "-json", f"{module}@{version}"], f"the schemas of {module}")
                    shutil.copy(Path(json.loads(told)["Dir"]) / file, kept)
                found.append(kept)
    return found


def built(module: str, version: str, *, seconds_max: float = GET_SECONDS_MAX) -> str:
    """A program that Go builds once."""
    name = module.rpartition("/")[2]
    kept = cache() / f"{name}-{version}"
    with alone(name):
        if not kept.exists():
            print(f"Go builds {name} {version}, once: this may take some minutes", flush=True)
            with tempfile.TemporaryDirectory(dir=cache()) as folder:
                go(["install", f"{module}@{version}"], name, seconds_max=seconds_max, GOBIN=folder, CGO_ENABLED="0")
                (Path(folder) / name).rename(kept)
    return str(kept)


def go(
    words: list[str], what: str, *, cwd: Path | None = None, seconds_max: float = GET_SECONDS_MAX, **environ: str
) -> str:
    """What `go WORDS` prints; the tests that need `what` are not run where it fails."""
    if shutil.which("go") is None:
        not_run(what, "neither it nor Go is installed")
    try:
        done = subprocess.run(
            ["go", *words],
            # A folder without a module, unless one was made.
            cwd=cwd or cache(),
            env={**os.environ, "GOFLAGS": "", **environ},
            capture_output=True,
            text=True,
            timeout=seconds_max,
            check=False,
        )
    except subprocess.TimeoutExpired:
        not_run(what, f"go {' '.join(words)} took longer than {seconds_max} s")
    if done.returncode:
        not_run(what, f"go {' '.join(words)}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout


def _unpack(package: str, folder: Path) -> None:
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        not_run(package, "it is not installed, and this is no Debian to get it from")
    with tempfile.TemporaryDirectory(dir=cache()) as got:
        for command in (["apt-get", "download", package], ["sh", "-c", 'dpkg-deb -x ./*.deb "$0"', str(folder)]):
            done = subprocess.run(
                command, cwd=got, capture_output=True, text=True, timeout=GET_SECONDS_MAX, check=False
            )
            if done.returncode:
                not_run(package, f"{' '.join(command[:2])}: {done.stderr.strip().splitlines()[-1:]}")


@contextmanager
def alone(name: str) -> Iterator[None]:
    """Several test runs share the cache: one at a time makes a thing."""
    with (cache() / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
