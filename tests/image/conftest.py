"""Tests of the image as it is built: `make test-image`. Go builds BuildKit once; not in `make test`."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("NATTER_IMAGE") else ["test_*.py"]
