"""Tests of the image as it is built: `make test-image`, which gives them a folder; not in `make test`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

FOLDER = os.environ.get("NATTER_IMAGE", "")
if FOLDER and not Path(FOLDER).is_dir():
    raise pytest.UsageError("NATTER_IMAGE is not for you to set: say `make test-image`")

if FOLDER:
    # The first process of a namespace hears only what it handles.
    signal.signal(signal.SIGTERM, signal.default_int_handler)

collect_ignore_glob = [] if FOLDER else ["test_*.py"]


@pytest.fixture(scope="session")
def own_folder() -> Path:
    """Where gigabytes may be: it is removed, which pytest's folders are not."""
    return Path(FOLDER)
