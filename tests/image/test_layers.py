"""What an upper layer removes is not seen, and layers that two images have are kept once."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

import pytest
from layers import take


def tar(files: dict[str, bytes]) -> bytes:
    """An archive of them; a name that ends with "/" is a folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            if name.endswith("/"):
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(member, io.BytesIO(content))
    return made.getvalue()


def layout(*layers: dict[str, bytes]) -> io.BytesIO:
    """An image of these layers, in the order in which BuildKit writes: blobs as they come, the index last."""
    blobs: dict[str, bytes] = {}

    def blob(content: bytes) -> dict[str, str]:
        digest = hashlib.sha256(content).hexdigest()
        blobs[f"blobs/sha256/{digest}"] = content
        return {"digest": f"sha256:{digest}"}

    config = blob(json.dumps({"config": {"User": "1:1"}}).encode())
    manifest = {"config": config, "layers": [blob(tar(files)) for files in layers]}
    index = {"manifests": [blob(json.dumps(manifest).encode())]}
    return io.BytesIO(tar({"blobs/": b"", **blobs, "index.json": json.dumps(index).encode()}))


BASE = {"kept": b"1", "replaced": b"2", "removed": b"3", "emptied/": b"", "emptied/old": b"4"}
UPPER = {"replaced": b"5", ".wh.removed": b"", "emptied/": b"", "emptied/.wh..wh..opq": b"", "emptied/new": b"6"}


def test_the_uppermost_layer_counts(own_folder: Path) -> None:
    image = take(layout(BASE, UPPER), own_folder / "some-layers", own_folder / "some")
    found = {p.relative_to(image.root).as_posix(): p.read_bytes() for p in image.root.rglob("*") if p.is_file()}
    assert found == {"kept": b"1", "replaced": b"5", "emptied/new": b"6"}
    assert image.config == {"User": "1:1"}


def test_a_layer_of_two_images_is_unpacked_once_and_cannot_be_written(own_folder: Path) -> None:
    layers = own_folder / "shared-layers"
    first = take(layout(BASE, UPPER), layers, own_folder / "first")
    second = take(layout(BASE, {"own": b"7"}), layers, own_folder / "second")
    assert len(list(layers.iterdir())) == 3
    assert (first.root / "kept").read_bytes() == (second.root / "kept").read_bytes() == b"1"
    with pytest.raises(OSError, match="Read-only"):
        (first.root / "kept").write_bytes(b"8")


def test_what_is_cut_off_is_no_image(own_folder: Path) -> None:
    whole = layout(BASE, UPPER).getvalue()
    for length in (0, 700, len(whole) // 2):
        with pytest.raises(tarfile.ReadError):
            take(io.BytesIO(whole[:length]), own_folder / f"cut-layers-{length}", own_folder / f"cut-{length}")
