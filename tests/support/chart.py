"""The chart as the real helm renders it, once per set of values."""

from __future__ import annotations

import json
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import programs
import yaml

CHART = Path(__file__).parents[2] / "charts" / "natter"
KUBE_VERSION = "1.34.0"
# Everything that is optional, beside the three files of values.
TOGGLES: dict[str, tuple[str, ...]] = {
    "dev": ("--values", "dev"),
    "ci": ("--values", "ci"),
    "production": ("--values", "production"),
    "external-nats": ("--values", "ci", "--set", "nats.enabled=false,nats.url=nats://nats.elsewhere:4222"),
    "cert-manager": (
        "--values", "ci", "--set", "tls.selfSigned=false,tls.certManager.enabled=true,tls.certManager.issuer=le",
    ),
    "keda": (
        "--values", "production", "--set", "components.gateway.autoscaling.by=keda",
        "--set", "components.gateway.autoscaling.prometheus=http://prometheus:9090",
    ),
    "named": ("--values", "ci", "--set", "nameOverride=chat,image.digest=sha256:" + "a" * 64),
    "kept": ("--values", "dev", "--set", "components.metrics.persistence.enabled=true,networkPolicy.enabled=true"),
}  # fmt: skip
CUSTOM_APIS = (
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "keda.sh/v1alpha1/ScaledObject",
    "cert-manager.io/v1/Certificate",
)

Objects = list[dict[str, Any]]


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it on the chart; `--values NAME` is one of the chart's own files."""
    given = list(words)
    for at, word in enumerate(given[:-1]):
        if word == "--values":
            given[at + 1] = str(CHART / "values" / f"{given[at + 1]}.yaml")
    return subprocess.run(
        [programs.helm(), *given, "--kube-version", KUBE_VERSION],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@lru_cache
def rendered(toggle: str) -> str:
    """What `helm template` says, in a cluster that knows every custom resource."""
    apis = [word for api in CUSTOM_APIS for word in ("--api-versions", api)]
    done = helm("template", "natter", str(CHART), "--namespace", "chat", *TOGGLES[toggle], *apis)
    assert done.returncode == 0, done.stderr
    return done.stdout


@lru_cache
def objects(toggle: str) -> Objects:
    """The objects, parsed."""
    return [found for found in yaml.safe_load_all(rendered(toggle)) if found]


def pods(toggle: str) -> Objects:
    """Every pod and every template of one."""
    found = []
    for one in objects(toggle):
        if one["kind"] == "Pod":
            found.append(one)
        elif "template" in one.get("spec", {}):
            found.append({"kind": one["kind"], **one["spec"]["template"]})
    return found


def of_kind(toggle: str, kind: str) -> dict[str, dict[str, Any]]:
    """The objects of a kind by name."""
    return {one["metadata"]["name"]: one for one in objects(toggle) if one["kind"] == kind}


def snapshot(toggle: str) -> str:
    """The objects in short: without labels, generated secrets, and files that are in the tree as they are."""
    found = []
    for one in objects(toggle):
        one = json.loads(json.dumps(one))
        del one["metadata"]["labels"]
        if one["kind"] == "Secret":
            one["data"] = dict.fromkeys(one["data"], "(made)")
        for key in ("authorization.conf", "nats.conf", "smoke.py"):
            if key in one.get("data", {}):
                one["data"][key] = f"({one['data'][key].count(chr(10))} lines)"
        for key in list(one.get("data", {})):
            if key.endswith(".json"):
                one["data"][key] = "(as in the tree)"
        if one["kind"] == "PrometheusRule":
            one["spec"] = "(as in the tree)"
        found.append(one)
    found.sort(key=lambda one: (one["kind"], one["metadata"]["name"]))
    return yaml.safe_dump_all(found, sort_keys=True, width=120)


if __name__ == "__main__":
    for name in ("dev", "production"):
        place = Path(__file__).parents[1] / "chart" / "rendered" / f"{name}.yaml"
        place.parent.mkdir(exist_ok=True)
        place.write_text(snapshot(name))
