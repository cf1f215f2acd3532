"""A real API server takes the whole chart: validation, admission under the restricted policy, upgrades."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import chart
import programs
import pytest
import yaml
from apiserver import ApiServer, Refused
from kubernetes.aio.client import Configuration
from natter.metrics.pods import COST, Pods
from stack import wait_for

pytestmark = pytest.mark.timeout(4000)

NAMESPACE = "chat"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    made = ApiServer(tmp_path_factory.mktemp("k8s"))
    try:
        made.start()
        restricted = {f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "warn")}
        made.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": restricted}}, "")
        # A controller would make it; none runs here.
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
        made.apply(account, NAMESPACE)
        for path in programs.custom_resources():
            definition = yaml.safe_load(path.read_text())
            definition.pop("status", None)
            made.apply(definition, "")
            spec = definition["spec"]
            base = f"/apis/{spec['group']}/{spec['versions'][0]['name']}"
            wait_for(base, lambda base=base: serves(made, base), seconds_max=30)  # type: ignore[misc]
        yield made
    finally:
        made.stop()


def serves(server: ApiServer, base: str) -> bool:
    try:
        return bool(server.call("GET", base)["resources"])
    except Refused:
        return False


def ordered(toggle: str) -> list[dict[str, Any]]:
    """Accounts before pods."""
    return sorted(chart.objects(toggle), key=lambda one: one["kind"] != "ServiceAccount")


def test_it_refuses_what_is_wrong(server: ApiServer) -> None:
    (pod,) = (o for o in chart.objects("ci") if o["kind"] == "Pod")
    broken = {**pod, "spec": {**pod["spec"], "hostNetwork": True}}
    with pytest.raises(Refused, match="violates PodSecurity"):
        server.apply(broken, NAMESPACE, dry=True)
    with pytest.raises(Refused, match="field not declared"):
        server.apply({**pod, "spec": {**pod["spec"], "hostNetwrok": True}}, NAMESPACE, dry=True)


@pytest.mark.parametrize("toggle", list(chart.TOGGLES))
def test_it_accepts_every_object_without_a_warning(server: ApiServer, toggle: str) -> None:
    for one in ordered(toggle):
        server.apply(one, NAMESPACE, dry=True)


def test_an_upgrade_changes_nothing_that_cannot_be_changed(server: ApiServer) -> None:
    # As somebody grows: from a look around to CI's values, with another image and more processes.
    for toggle in ("dev", "ci", "keda", "production"):
        for one in ordered(toggle):
            if one["kind"] in ("Pod", "StatefulSet"):
                # Pods are hooks, made anew. NATS's volumes cannot change in place, in any chart.
                continue
            server.apply(one, NAMESPACE)


async def test_metrics_writes_what_a_pod_costs_and_may_do_nothing_else(server: ApiServer) -> None:
    for one in ordered("production"):
        if one["kind"] in ("ServiceAccount", "Role", "RoleBinding"):
            server.apply(one, NAMESPACE)
    (pod,) = (o for o in chart.objects("ci") if o["kind"] == "Pod")
    server.apply(pod, NAMESPACE)
    base = f"/api/v1/namespaces/{NAMESPACE}"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = server.call("POST", f"{base}/serviceaccounts/natter-metrics/token", request)["status"]["token"]
    configuration = Configuration(host=f"https://127.0.0.1:{server.port}")
    configuration.verify_ssl = False
    configuration.api_key = {"BearerToken": f"Bearer {token}"}
    pods = Pods(NAMESPACE, configuration)
    try:
        await pods.annotate(pod["metadata"]["name"], 1234)
        with pytest.raises(OSError, match="404"):
            await pods.annotate("not-there", 1)
    finally:
        await pods.close()
    found = server.call("GET", f"{base}/pods/{pod['metadata']['name']}")
    assert found["metadata"]["annotations"][COST] == "1234"
    for path in (f"{base}/secrets", f"{base}/pods", "/api/v1/nodes"):
        with pytest.raises(Refused, match="forbidden"):
            server.call("GET", path, token=token)
