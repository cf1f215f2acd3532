"""The chart as the real helm renders it: valid to Kubernetes and custom resources, and what must hold for every pod."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import chart
import jsonschema
import kubernetes.client
import programs
import pytest
import yaml
from chart import TOGGLES, of_kind, pods
from natter.bus.edges import EDGES
from natter.runtime.settings import load, service_models, service_names

# The first time helm is built.
pytestmark = pytest.mark.timeout(900)

# Those of the toggles that have what production has.
SCALED = ("production", "keda")
toggles = pytest.mark.parametrize("toggle", list(TOGGLES))


@pytest.fixture(scope="module", autouse=True)
def _helm_is_there() -> None:
    programs.helm()


def model_of(one: dict[str, Any]) -> Any:
    """The class of the kubernetes package for an object: apps/v1 Deployment is V1Deployment."""
    version = one["apiVersion"].rpartition("/")[2]
    return getattr(kubernetes.client, f"{version[0].upper()}{version[1:]}{one['kind']}", None)


@toggles
def test_lint(toggle: str) -> None:
    done = chart.helm("lint", str(chart.CHART), "--strict", *TOGGLES[toggle])
    assert done.returncode == 0, done.stdout + done.stderr


@toggles
def test_every_object_is_what_kubernetes_knows(toggle: str) -> None:
    schemas = {}
    seen = set()
    for one in chart.objects(toggle):
        name = (one["kind"], one["metadata"]["name"])
        assert name not in seen, "two objects of one name"
        seen.add(name)
        model = model_of(one)
        if model is not None:
            model.model_validate(one)
            continue
        if not schemas:
            schemas = custom_schemas()
        # Not `validate`: that checks the schema, too, and Go knows patterns that Python does not.
        schema = closed(schemas[one["apiVersion"], one["kind"]])
        assert [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(one)] == []


def custom_schemas() -> dict[tuple[str, str], Any]:
    found = {}
    for path in programs.custom_resources():
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = version["schema"]["openAPIV3Schema"]
    return found


def closed(schema: Any) -> Any:
    """Unknown keys are errors: the API server drops them, and a misspelt one would do nothing."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    free = "additionalProperties" in schema or "x-kubernetes-preserve-unknown-fields" in schema
    # `metadata` has no properties of its own in these schemas: it is everybody's.
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object" and not free:
        found["additionalProperties"] = False
    return found


@toggles
def test_what_holds_for_every_pod(toggle: str) -> None:
    found = pods(toggle)
    assert len(found) >= len(service_names()) + 1
    for pod in found:
        spec, what = pod["spec"], pod["metadata"]["labels"]["app.kubernetes.io/component"]
        # Only who tells Kubernetes what pods cost has a token.
        assert spec["automountServiceAccountToken"] is (what == "metrics" and toggle in SCALED), what
        assert spec["enableServiceLinks"] is False, what
        own = spec["securityContext"]
        assert own["runAsNonRoot"] and own["runAsUser"] >= 1000 and own["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"] + spec.get("initContainers", []):
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"] and security["runAsNonRoot"], what
            assert security["allowPrivilegeEscalation"] is False and security["capabilities"] == {"drop": ["ALL"]}
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}, what
            assert "memory" in container["resources"]["limits"], what
            written = {m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")}
            assert "/tmp" in written or what == "smoke", what
            assert not re.search(r":latest$", container["image"])
        for volume in spec["volumes"]:
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"], what
        if pod["kind"] == "Pod":
            continue
        (container,) = spec["containers"]
        assert {"startupProbe", "readinessProbe", "livenessProbe", "lifecycle"} <= set(container), what
        assert {t["topologyKey"] for t in spec["topologySpreadConstraints"]} == {
            "kubernetes.io/hostname", "topology.kubernetes.io/zone",
        }  # fmt: skip


@toggles
def test_a_service_has_its_companions_and_time_to_drain(toggle: str) -> None:
    names = of_kind(toggle, "Deployment")
    prefix = "chat" if toggle == "named" else "natter"
    assert {name.removeprefix(f"{prefix}-") for name in names} == set(service_names())
    for name, one in names.items():
        spec, labels = one["spec"]["template"]["spec"], one["spec"]["template"]["metadata"]["labels"]
        budget = of_kind(toggle, "PodDisruptionBudget")[name]
        assert budget["spec"]["maxUnavailable"] == 1
        assert budget["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert one["spec"]["selector"]["matchLabels"].items() <= labels.items()
        assert name in of_kind(toggle, "ServiceAccount")
        (container,) = spec["containers"]
        settings = of_kind(toggle, "ConfigMap")[name]["data"]
        waits = container["lifecycle"]["preStop"]["sleep"]["seconds"]
        drains = float(settings["NATTER_RUNTIME__DRAIN_SECONDS_MAX"])
        assert waits + drains < spec["terminationGracePeriodSeconds"], name
        scaled = name in {
            *(o["spec"]["scaleTargetRef"]["name"] for o in of_kind(toggle, "HorizontalPodAutoscaler").values()),
            *(o["spec"]["scaleTargetRef"]["name"] for o in of_kind(toggle, "ScaledObject").values()),
        }
        # Whoever is scaled has no number of its own: an upgrade would reset it.
        assert ("replicas" in one["spec"]) is not scaled, name
        if scaled:
            downs = next(iter(find_behaviours(toggle)))["scaleDown"]
            assert [p["value"] for p in downs["policies"] if p["type"] == "Pods"] == [1]


def find_behaviours(toggle: str) -> list[dict[str, Any]]:
    return [o["spec"]["behavior"] for o in of_kind(toggle, "HorizontalPodAutoscaler").values()] + [
        o["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        for o in of_kind(toggle, "ScaledObject").values()
    ]


@toggles
def test_nobody_may_do_anything_to_kubernetes_but_patch_pods(toggle: str) -> None:
    roles, bindings = of_kind(toggle, "Role"), of_kind(toggle, "RoleBinding")
    assert set(roles) == set(bindings) == ({"natter-metrics"} if toggle in SCALED else set())
    for name, role in roles.items():
        assert role["rules"] == [{"apiGroups": [""], "resources": ["pods"], "verbs": ["patch"]}]
        assert bindings[name]["subjects"] == [{"kind": "ServiceAccount", "name": name, "namespace": "chat"}]
    assert not {"ClusterRole", "ClusterRoleBinding"} & {one["kind"] for one in chart.objects(toggle)}


@toggles
def test_every_process_understands_its_environment(toggle: str) -> None:
    for name, one in of_kind(toggle, "Deployment").items():
        (container,) = one["spec"]["template"]["spec"]["containers"]
        service = container["args"][1]
        environ = dict(of_kind(toggle, "ConfigMap")[name]["data"])
        for variable in container["env"]:
            # From a Secret, or the pod's name.
            environ[variable["name"]] = variable.get("value", "01" * 16)
        loaded = load(service, service_models()[service], environ=environ)
        assert loaded.bus.user == service and loaded.runtime.ops_host == "0.0.0.0"
        ports = {p["name"]: p["containerPort"] for p in container["ports"]}
        assert ports["ops"] == loaded.runtime.ops_port
        if service == "gateway":
            settings: Any = loaded.service
            assert [ports["c2s"], ports["c2s-tls"]] == [
                int(a.rpartition(":")[2]) for a in (settings.c2s, settings.c2s_tls)
            ]


def test_numbers_reach_the_process_as_they_were_written() -> None:
    done = chart.helm(
        "template", "natter", str(chart.CHART), "--values", "ci", "--show-only", "templates/companions.yaml",
        "--set", "settings.metrics.rows_per_insert_max=1000000", "--set-json", "settings.telemetry.sample_ratio=0.001",
        "--set", "settings.server.rate_limits=false,settings.gateway.expired_max=0",
        "--set-json", 'settings.router.features=["a","b"]',
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    data = {}
    for one in yaml.safe_load_all(done.stdout):
        data |= one.get("data", {})
    assert data["NATTER_METRICS__ROWS_PER_INSERT_MAX"] == "1000000"
    assert data["NATTER_TELEMETRY__SAMPLE_RATIO"] == "0.001"
    assert data["NATTER_SERVER__RATE_LIMITS"] == "false"
    assert data["NATTER_GATEWAY__EXPIRED_MAX"] == "0"
    assert json.loads(data["NATTER_ROUTER__FEATURES"]) == ["a", "b"]


@toggles
def test_every_edge_has_its_network_policy(toggle: str) -> None:
    policies = of_kind(toggle, "NetworkPolicy")
    if toggle == "dev":
        assert policies == {}
        return
    prefix = "chat" if toggle == "named" else "natter"
    assert f"{prefix}-default-deny" in policies
    for edges in EDGES:
        if edges.service == "operator":
            continue
        spec = policies[f"{prefix}-{edges.service}"]["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        out = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
        wanted = {53, 4222} | {{"clickhouse": 8123, "sql": 5432}[name] for name in edges.outside}
        wanted |= {4318} if toggle in SCALED else set()
        assert out == wanted | ({6443} if toggle in SCALED and edges.service == "metrics" else set())
        assert len(spec["ingress"]) == 1 + {"gateway": 2, "metrics": 1}.get(edges.service, 0)


@pytest.mark.parametrize("toggle", ["ci", "production", "external-nats"])
def test_nats_server_accepts_its_configuration(toggle: str, tmp_path: Path) -> None:
    maps = of_kind(toggle, "ConfigMap")
    users = maps["natter-nats-permissions"]["data"]["authorization.conf"]
    text = maps["natter-nats"]["data"]["nats.conf"] if toggle != "external-nats" else users
    assert users in text
    (tmp_path / "nats.conf").write_text(text)
    program = Path(sys.executable).with_name("nats-server")
    passwords = {f"PASSWORD_{e.service.upper()}": f"p{'1' * 20}" for e in EDGES}
    done = subprocess.run(
        [str(program), "-t", "-c", str(tmp_path / "nats.conf")],
        env={**os.environ, **passwords, "POD_NAME": "natter-nats-0"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert ("sync_interval: always" in text) is (toggle == "production")


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("components.gateway.replica=3",), "replica"),
        (("settings.gateway.stanza_bytes_max=1",), "stanza_bytes_max"),
        (("settings.bus.password=secret",), "password"),
        (("tls.selfSigned=false",), "tls.existingSecret"),
        (("nats.enabled=false",), "nats.url"),
        (("nats.replicas=3",), "settings.bus.replicas"),
        (("components.metrics.persistence.enabled=true", "components.metrics.replicas=2"), "replicas must be 1"),
    ],
)
def test_a_mistake_is_told(flags: tuple[str, ...], says: str) -> None:
    done = chart.helm("template", "natter", str(chart.CHART), "--values", "ci", "--set", ",".join(flags))
    assert done.returncode != 0
    assert says in done.stderr


@pytest.mark.parametrize("toggle", ["dev", "production"])
def test_rendered_as_before(toggle: str) -> None:
    kept = Path(__file__).parent / "rendered" / f"{toggle}.yaml"
    assert kept.read_text() == chart.snapshot(toggle), f"if this is meant: .venv/bin/python {chart.__file__}"
