"""A Debian of the same release, with its own Python, that stands in for the base of the Dockerfile: an OCI layout."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import programs

# What `make test-image BASE=…` may say.
BASES = ("pinned", "debian")
BUILD_SECONDS_MAX = 1200
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
# Of this machine, so that who sits behind a proxy with an authority of its own can build.
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
NOT_PACKED = ("./var/cache/apt", "./var/lib/apt/lists")


def make(folder: Path) -> str:
    """The digest of a base image, made in `folder`; takes about a minute."""
    root = folder / "root"
    script = programs.debian("debootstrap")
    scripts = Path(script).parents[2] / "usr" / "share" / "debootstrap"
    env = {**os.environ, **({"DEBOOTSTRAP_DIR": str(scripts)} if scripts.exists() else {})}
    _run([script, "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)], env)
    for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        path.unlink()
    # Where the Python of the real one is.
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    shutil.copy(Path("/") / AUTHORITIES, root / AUTHORITIES)
    (folder / "blobs" / "sha256").mkdir(parents=True)
    excluded = [f"--exclude={path}/*" for path in NOT_PACKED]
    _run(["tar", "-C", str(root), "--numeric-owner", *excluded, "-cf", str(folder / "layer"), "."], dict(os.environ))
    shutil.rmtree(root)
    return _described(folder)


def _run(command: list[str], env: dict[str, str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS_MAX, check=False, env=env)
    assert done.returncode == 0, f"{' '.join(command)}: {(done.stdout + done.stderr)[-4000:]}"


def _described(layout: Path) -> str:
    def blob(path: Path, media: str) -> dict[str, Any]:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        path.rename(layout / "blobs" / "sha256" / digest)
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": size}

    def document(content: dict[str, Any], media: str) -> dict[str, Any]:
        (layout / "new").write_text(json.dumps(content))
        return blob(layout / "new", media)

    layer = blob(layout / "layer", "layer.v1.tar")
    given = [f"{name}=/{AUTHORITIES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
    env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *given]
    about = {"architecture": "amd64", "os": "linux", "config": {"Env": env}}
    config = document({**about, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}, "config.v1+json")
    manifest = document({"schemaVersion": 2, "config": config, "layers": [layer]}, "manifest.v1+json")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return str(manifest["digest"])
