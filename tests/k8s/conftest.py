"""Tests against a real kube-apiserver: `make test-k8s`. Go builds it once; not in `make test`."""

from __future__ import annotations

import os

collect_ignore_glob = [] if os.environ.get("NATTER_K8S") else ["test_*.py"]
