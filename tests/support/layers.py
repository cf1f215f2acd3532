"""Images as they leave BuildKit: each layer is unpacked once, whichever images have it; a root is a mount of them."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

BLOBS = "blobs/sha256/"
# OCI image specification, layer.md § Whiteouts.
REMOVED = ".wh."
EMPTIED = ".wh..wh..opq"


@dataclass(slots=True)
class Image:
    """What was built: its files, and what it says of itself."""

    root: Path
    config: dict[str, Any]


def take(stream: IO[bytes], layers: Path, root: Path) -> Image:
    """Read an OCI layout as a tar stream, layers uncompressed; mount the image at `root`, read-only."""
    documents: dict[str, Any] = {}
    index: Any = None
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            if not member.isfile():
                continue
            file = archive.extractfile(member)
            assert file is not None
            if member.name == "index.json":
                index = json.load(file)
            elif member.name.startswith(BLOBS):
                digest = member.name.removeprefix(BLOBS)
                # A blob is a document or a layer, and a tar begins with a name.
                first = file.read(1)
                if first == b"{":
                    documents[f"sha256:{digest}"] = json.loads(first + file.read())
                elif not (layers / digest).exists():
                    _unpack(first, file, layers / digest)
    if index is None:
        raise tarfile.ReadError("no image, or not the whole of it")
    manifest = documents[index["manifests"][0]["digest"]]
    mount([layers / layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]], root)
    return Image(root, documents[manifest["config"]["digest"]]["config"])


def _unpack(first: bytes, rest: IO[bytes], folder: Path) -> None:
    folder.mkdir(parents=True, mode=0o755)
    command = ["tar", "-C", str(folder), "--numeric-owner", "-xpf", "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as tar:
        assert tar.stdin is not None and tar.stderr is not None
        tar.stdin.write(first)
        shutil.copyfileobj(rest, tar.stdin, 1 << 20)
        tar.stdin.close()
        said = tar.stderr.read()
    assert tar.returncode == 0, said.decode(errors="replace")
    for path in [*folder.rglob(f"{REMOVED}*")]:
        path.unlink()
        if path.name == EMPTIED:
            os.setxattr(path.parent, "trusted.overlay.opaque", b"y")
        else:
            os.mknod(path.with_name(path.name.removeprefix(REMOVED)), stat.S_IFCHR, os.makedev(0, 0))


def mount(layers: list[Path], root: Path) -> None:
    """One folder of all `layers`, the lowest first."""
    root.mkdir(mode=0o755)
    # The kernel names the highest first.
    lower = ":".join(str(path) for path in reversed(layers))
    done = subprocess.run(
        ["mount", "-t", "overlay", "-o", f"ro,lowerdir={lower}", "overlay", str(root)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"mounting {root}: {done.stderr}"
