"""The Dockerfile built for real, by BuildKit, which is what `docker build` uses, and containers of it; needs no Docker.

Where Docker's registry cannot be reached, a Debian of the same release with its own Python stands in for the base.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import programs
from stack import end_with_parent, wait_for

ROOT = Path(__file__).parents[2]
BUILDKIT = "github.com/moby/buildkit/cmd/"
BUILDKIT_VERSION = "v0.26.2"
COMPILE_SECONDS_MAX = 1800
BUILD_SECONDS_MAX = 1200
REGISTRY = ("registry-1.docker.io", 443)
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
# Of this machine, so that who sits behind a proxy with an authority of its own can build.
AUTHORITIES = "etc/ssl/certs/ca-certificates.crt"
# What may be written, and by whom.
WRITTEN = {"/tmp": 0, "/var/lib/natter": 10001}


def _run(command: list[str], what: str, *, seconds_max: float, env: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds_max, check=False, env=env)
    assert done.returncode == 0, f"{what}: {(done.stdout + done.stderr)[-4000:]}"


def reachable() -> bool:
    """Whether the base image can be had."""
    try:
        socket.create_connection(REGISTRY, timeout=10).close()
    except OSError:
        return False
    return True


def stand_in(folder: Path) -> str:
    """A base image in `folder`, an OCI layout; its digest."""
    root, layout = folder / "root", folder / "layout"
    script = programs.debian("debootstrap")
    scripts = Path(script).parents[2] / "usr" / "share" / "debootstrap"
    env = {**os.environ, **({"DEBOOTSTRAP_DIR": str(scripts)} if scripts.exists() else {})}
    command = [script, "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(root)]
    _run(command, "debootstrap", seconds_max=BUILD_SECONDS_MAX, env=env)
    for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        path.unlink()
    # Where the Python of the real one is.
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    shutil.copy(Path("/") / AUTHORITIES, root / AUTHORITIES)
    return _oci(root, layout)


def _oci(root: Path, layout: Path) -> str:
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def blob(path: Path, media: str) -> dict[str, Any]:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
        path.rename(blobs / digest)
        return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{digest}", "size": size}

    def document(content: dict[str, Any], media: str) -> dict[str, Any]:
        (layout / "new").write_text(json.dumps(content))
        return blob(layout / "new", media)

    tar = layout / "layer.tar"
    _run(["tar", "-C", str(root), "--numeric-owner", "-cf", str(tar), "."], "tar", seconds_max=BUILD_SECONDS_MAX)
    layer = blob(tar, "layer.v1.tar")
    given = [f"{name}=/{AUTHORITIES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
    env = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *given]
    about = {"architecture": "amd64", "os": "linux", "config": {"Env": env}}
    config = document({**about, "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]}}, "config.v1+json")
    manifest = document({"schemaVersion": 2, "config": config, "layers": [layer]}, "manifest.v1+json")
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))
    return str(manifest["digest"])


@dataclass(slots=True)
class Image:
    """What was built: its files, and what it says of itself."""

    root: Path
    config: dict[str, Any]


@dataclass(slots=True)
class Builder:
    """A buildkitd of its own. Root only: it mounts."""

    folder: Path
    based_on: str = "the pinned base"
    _daemon: subprocess.Popen[bytes] | None = None
    _base: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Have everything that a build needs; the tests are NOT RUN where it cannot be had."""
        if os.geteuid() != 0:
            programs.not_run("the image", "only root may mount")
        daemon = programs.built(f"{BUILDKIT}buildkitd", BUILDKIT_VERSION, seconds_max=COMPILE_SECONDS_MAX)
        programs.debian("runc")
        if not reachable():
            self.based_on = "a Debian that stands in for the base"
            digest = stand_in(self.folder / "base")
            place = self.folder / "base" / "layout"
            # A name that no stage has: that would take the stage's place.
            self._base = ["--opt=build-arg:PYTHON=standin", f"--opt=context:standin=oci-layout://standin@{digest}"]
            self._base.append(f"--oci-layout=standin={place}")
        state, log = self.folder / "state", (self.folder / "log").open("ab")
        command = [daemon, "--addr", self._address, "--root", str(state), "--containerd-worker=false"]
        command += ["--oci-worker-binary", programs.debian("runc"), "--oci-worker-net=host"]
        self._daemon = subprocess.Popen(command, stdout=log, stderr=log, preexec_fn=end_with_parent)
        wait_for("buildkitd", (self.folder / "socket").exists, seconds_max=60)

    @property
    def _address(self) -> str:
        return f"unix://{self.folder}/socket"

    def build(self, target: str) -> Image:
        """`docker build --target TARGET .`"""
        client = programs.built(f"{BUILDKIT}buildctl", BUILDKIT_VERSION, seconds_max=COMPILE_SECONDS_MAX)
        written = self.folder / "dockerfile"
        written.mkdir(exist_ok=True)
        # The front end that the first line asks for is in Docker's registry; buildkitd has the same one inside.
        text = (ROOT / "Dockerfile").read_text()
        (written / "Dockerfile").write_text("".join(text.splitlines(keepends=True)[1:]) if self._base else text)
        layout, root = self.folder / f"{target}.oci", self.folder / target
        command = [client, "--addr", self._address, "build", "--frontend=dockerfile.v0", f"--opt=target={target}"]
        command += [f"--local=context={ROOT}", f"--local=dockerfile={written}", "--progress=plain", *self._base]
        command += [f"--output=type=oci,tar=false,compression=uncompressed,force-compression=true,dest={layout}"]
        _run(command, f"building {target}", seconds_max=BUILD_SECONDS_MAX)
        return self._unpack(layout, root)

    def _unpack(self, layout: Path, root: Path) -> Image:
        def read(digest: str) -> Any:
            return json.loads((layout / "blobs" / digest.replace(":", "/")).read_text())

        manifest = read(json.loads((layout / "index.json").read_text())["manifests"][0]["digest"])
        root.mkdir(mode=0o755)
        for layer in manifest["layers"]:
            path = layout / "blobs" / layer["digest"].replace(":", "/")
            _run(["tar", "-C", str(root), "-xpf", str(path)], "tar", seconds_max=BUILD_SECONDS_MAX)
        config = read(manifest["config"]["digest"])["config"]
        shutil.rmtree(layout)
        return Image(root, config)

    def container(
        self,
        name: str,
        image: Image,
        *words: str,
        environ: dict[str, str] | None = None,
        shown: tuple[Path, ...] = (),
    ) -> subprocess.Popen[bytes]:
        """Run it as the chart does: its user, no capability, a read-only root. `shown`: folders of this machine."""
        bundle = self.folder / f"bundle-{name}"
        bundle.mkdir()
        runc = programs.debian("runc")
        _run([runc, "spec", "--bundle", str(bundle)], "runc spec", seconds_max=60)
        spec = json.loads((bundle / "config.json").read_text())
        user, _, group = str(image.config["User"]).partition(":")
        env = [*image.config["Env"], *(f"{key}={value}" for key, value in (environ or {}).items() if key != "PATH")]
        args = [*image.config["Entrypoint"], *(words or image.config["Cmd"])]
        spec["process"] |= {"terminal": False, "args": args, "env": env, "cwd": image.config["WorkingDir"]}
        spec["process"]["user"] = {"uid": int(user), "gid": int(group)}
        spec["process"]["capabilities"] = {kind: [] for kind in spec["process"]["capabilities"]}
        spec["process"].pop("rlimits", None)
        spec["root"] = {"path": str(image.root), "readonly": True}
        writable = {"type": "tmpfs", "source": "tmpfs"}
        options = ["nosuid", "nodev"]
        seen = {"type": "bind", "options": ["rbind", "ro"]}
        for place, owner in WRITTEN.items():
            spec["mounts"].append({"destination": place, **writable, "options": [*options, f"uid={owner}"]})
        spec["mounts"] += [{"destination": f"/mnt/{p.name}", "source": str(p), **seen} for p in shown]
        spec["linux"]["namespaces"] = [n for n in spec["linux"]["namespaces"] if n["type"] != "network"]
        (bundle / "config.json").write_text(json.dumps(spec))
        command = [runc, "--root", str(self.folder / "runc"), "run", "--bundle", str(bundle), f"natter-{name}"]
        out = (bundle / "out").open("wb")
        return subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, preexec_fn=end_with_parent)

    def output(self, name: str) -> str:
        """What it wrote."""
        return (self.folder / f"bundle-{name}" / "out").read_text(errors="replace")

    def stop(self) -> None:
        """Leave nothing mounted."""
        if self._daemon is not None:
            self._daemon.terminate()
            self._daemon.wait(60)
