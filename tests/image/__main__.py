"""`make test-image`: both targets of the Dockerfile built and run, and nothing of it left behind."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "support")]

import apart  # noqa: E402
from standin import BASES  # noqa: E402

FREE_GB_MIN = 8


def main() -> int:
    """Exit status of pytest."""
    parser = argparse.ArgumentParser(
        prog="tests/image", description=__doc__, epilog="Other arguments are pytest's, e.g. -x or -k without_root."
    )
    what = "pinned: the base that the Dockerfile names; debian: made of Debian's packages, where that cannot be pulled"
    parser.add_argument("--base", choices=BASES, default="pinned", help=what)
    given, rest = parser.parse_known_args()
    free_gb = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if os.geteuid() != 0:
        parser.error("only root may mount, which building and running an image takes")
    if not shutil.which("unshare"):
        parser.error("wants Linux, and unshare of util-linux")
    if free_gb < FREE_GB_MIN:
        folder = tempfile.gettempdir()
        parser.error(f"wants {FREE_GB_MIN} GB in {folder}, where {free_gb:.1f} GB are free (TMPDIR names another)")
    os.environ["NATTER_IMAGE_BASE"] = given.base
    # -s: what takes minutes says what it does.
    command = [sys.executable, "-m", "pytest", "-s", "-v", str(HERE), *rest]
    return apart.run(command, prefix="natter-image", variable="NATTER_IMAGE")


if __name__ == "__main__":
    sys.exit(main())
