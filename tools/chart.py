"""Write what of the chart follows from code: its edge list, values.schema.json and README.md.

uv run tools/chart.py            # rewrite them
uv run tools/chart.py --check    # fail if one is stale; CI runs this

The classes below are the values: their fields are the keys, their descriptions the README's words.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Literal

import yaml
from natter.bus.edges import EDGES, permissions
from natter.runtime.sections import SHARED
from natter.runtime.settings import service_models
from pydantic import BaseModel, ConfigDict, Field, SecretStr, create_model

CHART = Path(__file__).parent.parent / "charts" / "natter"
# What the templates set themselves, and what means something to `natter up` only.
OWNED = {
    "server": {"data", "tls_certificate", "tls_key", "allow_plaintext", "open_registration"},
    "bus": {"url", "user"},
    "runtime": {"instance", "notice", "log_file", "gateways", "routers", "presences", "mucs", "bus_urls", "failpoint"},
}
HEAD = """# natter's chart

<!-- Written by tools/chart.py. Do not edit. -->

One chart for all of natter: every service is a Deployment from one template, NATS comes along unless you have one,
ClickHouse and PostgreSQL are yours.

```console
$ helm install natter charts/natter --values charts/natter/values/dev.yaml          # a look around: nothing is kept
$ helm test natter                                                                  # two sessions on two gateways talk
$ helm upgrade --install natter charts/natter --values charts/natter/values/production.yaml --values own.yaml
```

For production bring three Secrets: `natter-tls` (tls.crt, tls.key for the domain), `natter-pseudonym`
(`pseudonym-key`: an epoch, a colon and 64 hexadecimal digits) and `natter-nats`, one password per user: {users}. A
password is letters and digits and begins with a letter. With a ClickHouse server, `natter-clickhouse` has its address
under `url`.

`settings` are those of [natter.toml](../../docs/generated/settings.md); what is secret comes by `secretSettings`.
What each service may say on NATS and whom it may reach follows from one list, `files/edges.json`, which follows from
`natter.bus.edges`.

When a pod is told to end, it leaves the Services, waits `preStopSeconds` until everybody knows, then closes its
sessions with `system-shutdown` and exits within `settings.runtime.drain_seconds_max`; `graceSeconds` must cover both.
Sessions under stream management go on at another gateway.

## Values

| key | type | default | |
|---|---|---|---|
"""


class Part(BaseModel):
    """A table of values: what is not declared is an error."""

    model_config = ConfigDict(extra="forbid")


class SecretKey(Part):
    name: str = Field(description="Name of the Secret.", min_length=1)
    key: str = Field(description="Key in it.", min_length=1)


class Image(Part):
    repository: str = Field(description="Where the image is.", min_length=1)
    tag: str = Field(description="Its tag; empty: the chart's appVersion.")
    digest: str = Field(description="sha256:… in place of a tag.", pattern=r"^(sha256:[0-9a-f]{64})?$")


class PulledImage(Image):
    pullPolicy: Literal["Always", "IfNotPresent", "Never"] = Field(description="When it is pulled.")


class CertManager(Part):
    enabled: bool = Field(description="Whether cert-manager makes the certificate.")
    issuer: str = Field(description="Its issuer.")
    issuerKind: Literal["Issuer", "ClusterIssuer"] = Field(description="The issuer's kind.")


class Tls(Part):
    existingSecret: str = Field(description="Secret of type kubernetes.io/tls for the domain.")
    selfSigned: bool = Field(description="Make a certificate of our own. For development.")
    certManager: CertManager


class PseudonymKey(Part):
    existingSecret: str = Field(description="Secret with the key of pseudonyms; empty: made once and kept.")
    key: str = Field(description="Key in that Secret.", min_length=1)


class Resources(Part):
    requests: dict[str, str | float] = Field({}, description="What a container is promised.")
    limits: dict[str, str | float] = Field(
        {}, description="What it may not exceed. No CPU limit: it would add latency."
    )


class NatsAuth(Part):
    existingSecret: str = Field(description="Secret with a password per user; empty: made once and kept.")


class NatsStorage(Part):
    size: str = Field(description="Size of each server's volume.", pattern=r"^\d+(\.\d+)?[KMGT]i$")
    className: str = Field(description="Its storage class; empty: the cluster's default.")
    ephemeral: bool = Field(description="Keep nothing: an emptyDir. For development.")


class Nats(Part):
    enabled: bool = Field(
        description="Whether the chart runs NATS. Else nats.url, and its users from natter-nats-permissions."
    )
    url: str = Field(description="Address of a NATS of your own; several are separated by commas.")
    image: str = Field(description="Image of nats-server.", min_length=1)
    replicas: Literal[1, 3, 5] = Field(description="Servers; with several, settings.bus.replicas says who keeps what.")
    syncInterval: str = Field(
        description="always: acknowledged means on disk (production). Empty: within two minutes.",
        pattern=r"^(always|\d+[ms])?$",
    )
    auth: NatsAuth
    storage: NatsStorage
    memoryStore: str = Field(description="Most that js_streams in memory take together.", pattern=r"^\d+[MG]i$")
    resources: Resources = Field(description="Of one server.")


class Autoscaling(Part):
    enabled: bool = Field(False, description="Whether replicas follow the load.")
    by: Literal["hpa", "keda"] = Field("hpa", description="HorizontalPodAutoscaler, or a ScaledObject where KEDA is.")
    min: int = Field(2, ge=1, le=1000, description="Fewest pods.")
    max: int = Field(10, ge=1, le=1000, description="Most pods.")
    cpuPercent: int = Field(
        70, ge=1, le=100, description="CPU of a pod, of what it requests, above which there are more."
    )
    connections: int = Field(0, ge=0, description="Connections per pod above which there are more; 0: not looked at.")
    prometheus: str = Field("", description="Address of Prometheus, which KEDA asks.")
    downSeconds: int = Field(120, ge=1, le=1800, description="One pod less at most in this time.")


class Persistence(Part):
    enabled: bool = Field(True, description="Whether the component has a volume.")
    size: str = Field("20Gi", description="Its size.", pattern=r"^\d+(\.\d+)?[KMGT]i$")
    className: str = Field("", description="Its storage class; empty: the cluster's default.")


class Pods(Part):
    """What every component has; a component's own goes before `defaults`."""

    resources: Resources = Field(Resources(), description="Of one pod.")
    graceSeconds: int = Field(45, ge=1, le=3600, description="Time from the first word to the last.")
    preStopSeconds: int = Field(5, ge=0, le=600, description="Wait before SIGTERM, until nobody sends new connections.")
    spread: Literal["ScheduleAnyway", "DoNotSchedule"] = Field(
        "ScheduleAnyway", description="When pods cannot be spread evenly over hosts and zones."
    )
    nodeSelector: dict[str, str] = Field({}, description="Which nodes.")
    tolerations: list[dict[str, Any]] = Field([], description="Which taints are accepted.")
    priorityClassName: str = Field("", description="Priority of the pods.")
    podAnnotations: dict[str, str] = Field({}, description="On every pod.")
    podLabels: dict[str, str] = Field({}, description="On every pod.")
    extraEnv: list[dict[str, Any]] = Field([], description="More environment.")
    secretSettings: dict[str, SecretKey] = Field({}, description="Settings of the service that stand in Secrets.")
    autoscaling: Autoscaling = Field(Autoscaling(), description="Of this component.")


class Component(Pods):
    replicas: int = Field(1, ge=0, le=1000, description="Pods, where they are not scaled.")
    embedded: bool = Field(False, description="Use the image with chDB.")
    persistence: Persistence | None = Field(None, description="A volume; then there is one process.")


class Ports(Part):
    c2s: int = Field(description="For clients that begin with STARTTLS.", ge=1, le=65535)
    c2s_tls: int = Field(description="For direct TLS.", ge=1, le=65535)


class GatewayService(Part):
    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = Field(description="How clients reach the gateways.")
    annotations: dict[str, str] = Field(description="For the load balancer.")
    externalTrafficPolicy: Literal["", "Local", "Cluster"] = Field(
        description="Local: rates per address see the client's."
    )
    ports: Ports


class Peer(Part):
    port: int = Field(description="Its port.", ge=1, le=65535)
    to: list[dict[str, Any]] = Field(description="NetworkPolicy peers; empty: anywhere.")


class NetworkPolicy(Part):
    enabled: bool = Field(description="Whether pods reach only what the edge list says.")
    clientsFrom: list[dict[str, Any]] = Field(description="Who may reach the gateways; empty: everybody.")
    opsFrom: list[dict[str, Any]] = Field(description="Who may reach the operations pages.")
    pageFrom: list[dict[str, Any]] = Field(description="Who may reach the metrics page.")
    otlp: Peer
    clickhouse: Peer
    sql: Peer
    kubernetes: Peer


class ServiceMonitor(Part):
    enabled: bool = Field(description="Tell the Prometheus operator, where there is one.")
    interval: str = Field(description="How often it scrapes.", pattern=r"^\d+[sm]$")
    labels: dict[str, str] = Field(description="By which the operator chooses.")


class PrometheusRule(Part):
    enabled: bool = Field(description="Give the Prometheus operator the rules: promises, burn rates, symptoms.")
    labels: dict[str, str] = Field(description="By which the operator chooses.")


class Dashboards(Part):
    enabled: bool = Field(description="Put the Grafana dashboards into ConfigMaps.")
    labels: dict[str, str] = Field(description="By which Grafana's sidecar finds them.")


class Monitoring(Part):
    serviceMonitor: ServiceMonitor
    prometheusRule: PrometheusRule
    dashboards: Dashboards


class Smoke(Part):
    resources: Resources


def without_secrets(name: str, model: type[BaseModel]) -> type[BaseModel]:
    """A section as values may say it: every key optional, none that is secret or the templates' own."""
    fields: dict[str, Any] = {
        key: (field.annotation, field)
        for key, field in model.model_fields.items()
        if field.annotation is not SecretStr and key not in OWNED.get(name, ())
    }
    return create_model(f"{name.title()}Settings", __config__=ConfigDict(extra="forbid"), **fields)


def values_model() -> type[BaseModel]:
    """The whole of values.yaml, for the services that are installed."""
    services = dict(sorted(service_models().items()))
    sections = {n: without_secrets(n, m) for n, m in {**SHARED, **services}.items()}
    settings = create_model(
        "Settings", __config__=ConfigDict(extra="forbid"), **{n: (m, Field(None)) for n, m in sections.items()}
    )
    components = create_model("Components", __base__=Part, **{n: (Component, Field(Component())) for n in services})
    return create_model(
        "Values",
        __config__=ConfigDict(extra="forbid"),
        nameOverride=(str, Field(description="Prefix of every name; empty: the release's name.")),
        imagePullSecrets=(list[dict[str, str]], Field(description="For a private registry.")),
        image=(PulledImage, ...),
        embeddedImage=(Image, ...),
        settings=(settings, ...),
        tls=(Tls, ...),
        pseudonymKey=(PseudonymKey, ...),
        nats=(Nats, ...),
        defaults=(Pods, ...),
        components=(components, ...),
        gatewayService=(GatewayService, ...),
        networkPolicy=(NetworkPolicy, ...),
        monitoring=(Monitoring, ...),
        smoke=(Smoke, ...),
    )


def schema() -> dict[str, Any]:
    """values.schema.json. Helm checks the chart's own values with the user's over them: nothing need be required."""

    def plain(node: Any) -> Any:
        if isinstance(node, list):
            return [plain(item) for item in node]
        if not isinstance(node, dict):
            return node
        drop = {"required", "default", "title"}
        return {
            key: {name: plain(child) for name, child in value.items()}
            if key in ("properties", "$defs")
            else plain(value)
            for key, value in node.items()
            if key not in drop
        }

    found = plain(values_model().model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of natter's chart", **found}


def rows(model: type[BaseModel], values: Any, prefix: str = "") -> list[str]:
    """One line per key of the README; sections of settings have a page of their own."""
    lines = []
    for key, field in model.model_fields.items():
        value = values.get(key) if isinstance(values, dict) else None
        kind: Any = field.annotation
        if isinstance(kind, type) and issubclass(kind, Part) and kind not in (Component, Resources):
            inner = value if isinstance(value, dict) else field.get_default(call_default_factory=True)
            lines += rows(kind, inner.model_dump() if isinstance(inner, BaseModel) else inner, f"{prefix}{key}.")
        elif prefix + key == "settings":
            lines.append("| `settings.<section>.<key>` | see the page above | | One setting of natter.toml. |")
        elif kind is Component:
            lines.append(f"| `{prefix}{key}` | component | `{json.dumps(value)}` | All of `defaults`, and as below. |")
        else:
            words = type_of(kind)
            shown = json.dumps(value if value is not None or not isinstance(values, dict) else None)
            lines.append(f"| `{prefix}{key}` | {words} | `{shown}` | {field.description or ''} |")
    return lines


def type_of(kind: Any) -> str:
    """A type as one reads it."""
    names = {str: "text", int: "integer", bool: "true \\| false", Resources: "resources"}
    if getattr(kind, "__name__", "") == "Literal":
        return " \\| ".join(f"`{choice}`" for choice in kind.__args__)
    return names.get(kind, "list" if str(kind).startswith("list") else "map")


def readme() -> str:
    """README.md."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    text = HEAD.format(users=", ".join(f"`{e.service}`" for e in EDGES))
    text += "\n".join(rows(values_model(), values)) + "\n\n## Of one component, beside `defaults`\n\n"
    own = [f for f in Component.model_fields if f not in Pods.model_fields]
    text += "| key | type | default | |\n|---|---|---|---|\n"
    for key in own:
        field = Component.model_fields[key]
        if key == "persistence":
            text += "\n".join(rows(Persistence, Persistence(enabled=False).model_dump(), "persistence.")) + "\n"
        else:
            kind, shown = type_of(field.annotation), json.dumps(field.default)
            text += f"| `{key}` | {kind} | `{shown}` | {field.description} |\n"
    return text


def edges() -> str:
    """files/edges.json: per service its NATS permissions, and what else it reaches."""
    found = {e.service: {"permissions": permissions(e), "outside": list(e.outside)} for e in EDGES}
    return json.dumps(found, indent=1) + "\n"


def main() -> int:
    wanted = {
        CHART / "files" / "edges.json": edges(),
        CHART / "values.schema.json": json.dumps(schema(), indent=1) + "\n",
        CHART / "README.md": readme(),
    }
    if "--check" in sys.argv:
        stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text() != text]
        if stale:
            print(f"stale: {', '.join(stale)}; run: uv run tools/chart.py")
        return int(bool(stale))
    for path, text in wanted.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
