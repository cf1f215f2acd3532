"""The services as they were before: the last commit with other code, unpacked where processes can import it."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from pathlib import Path

import programs

ROOT = Path(__file__).parents[2]
CODE = ("libs", "proto/src", "services")
# Of commits that only write documents and tests, so many are passed by.
COMMITS_MAX = 200
WHAT = "services of two versions side by side"


def git(*words: str) -> subprocess.CompletedProcess[bytes]:
    """`git WORDS` in this tree."""
    return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, check=False, timeout=60)


def commit() -> str:
    """NATTER_FORMER (a release to upgrade from), or the last commit on this line whose code differs from the tree's."""
    found = git("rev-list", "--first-parent", f"--max-count={COMMITS_MAX}", "HEAD").stdout.decode().split()
    others = (name for name in found if git("diff", "--quiet", name, "--", *CODE).returncode == 1)
    return os.environ.get("NATTER_FORMER") or next(others, "") or programs.not_run(WHAT, "no former commit is here")


def unpack(name: str, folder: Path) -> str:
    """Its code, in `folder`; PYTHONPATH for a process that shall be of that version."""
    archive = git("archive", "--format=tar", name, "--", *CODE)
    if archive.returncode:
        programs.not_run(WHAT, archive.stderr.decode(errors="replace").strip())
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
        packed.extractall(folder, filter="data")
    places = [folder / "proto" / "src", *sorted(folder.glob("libs/*/src")), *sorted(folder.glob("services/*/src"))]
    return os.pathsep.join(map(str, places))
