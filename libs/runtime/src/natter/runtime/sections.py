"""The settings that every process shares: sections server, bus, telemetry and runtime of natter.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field, SecretStr


class Server(BaseModel):
    """What this natter serves, whatever the process."""

    domain: str = Field(
        "localhost", min_length=1, max_length=253, description="The domain served: the part of a JID behind the @."
    )
    data: str = Field(
        "data", max_length=4096, description="Folder of everything that is kept on disk; made when it is missing."
    )
    profile: Literal["full", "zero"] = Field(
        "full", description="zero stores nothing but accounts, rosters and room settings."
    )
    tls_certificate: str = Field(
        "", max_length=4096, description="PEM file of the certificate chain; empty: `natter up` makes its own."
    )
    tls_key: str = Field("", max_length=4096, description="PEM file of the certificate's private key.")
    allow_plaintext: bool = Field(
        False, description="Tests only: TLS is offered and not required. Loopback addresses only."
    )
    open_registration: bool = Field(
        False, description="Tests only: in-band registration without a rate. Loopback addresses only."
    )
    rate_limits: bool = Field(
        True, description="Tests may switch off rates and login throttles; sizes and time-outs stay."
    )


class BusSection(BaseModel):
    """Where NATS is, and how work on it is shared."""

    url: str = Field(
        "nats://127.0.0.1:4222", max_length=1000, description="Address of NATS; several are separated by commas."
    )
    user: str = Field("", max_length=255, description="User name at NATS; empty: none.")
    password: SecretStr = Field(SecretStr(""), max_length=255, description="Password at NATS.")
    lanes: int = Field(4, ge=1, le=1024, description="How many ordered logs the gateways' input is spread over.")
    user_shards: int = Field(8, ge=1, le=1024, description="How many parts the users are divided into, for presence.")
    room_shards: int = Field(8, ge=1, le=1024, description="How many parts the rooms are divided into, for muc.")
    lease_seconds: float = Field(
        2.0, ge=0.5, le=60, description="How long a shard stays with a holder that went silent."
    )
    resume_seconds: float = Field(
        600.0, ge=10, le=86400, description="How long lanes and deliveries are kept: the resume window."
    )
    replicas: int = Field(1, ge=1, le=5, description="How many NATS servers keep each js_stream.")


class TelemetrySection(BaseModel):
    """Traces, metrics and logs. Never content."""

    identifiers: Literal["full", "pseudonym", "domain", "none"] = Field(
        "full", description="How JIDs appear in spans: as they are, as keyed hash, as domain only, or not at all."
    )
    pseudonym_key: SecretStr = Field(
        SecretStr(""),
        max_length=1000,
        description="Key of the hashes that stand for JIDs; empty: made and kept in the data folder.",
    )
    sample_ratio: float = Field(
        0.01, ge=0, le=1, description="Share of stanzas that get a trace; OTEL_TRACES_SAMPLER_ARG where it is set."
    )
    otlp_endpoint: str = Field(
        "", max_length=1000, description="OTLP/HTTP address that takes spans and metrics; empty: none."
    )
    export_seconds: float = Field(10.0, ge=1, le=600, description="How often metrics are exported by OTLP.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least severe log line that is written."
    )


class RuntimeSection(BaseModel):
    """One process: its name, its operations page, its end."""

    instance: str = Field(
        "",
        max_length=63,
        pattern=r"^[A-Za-z0-9_-]*$",
        description="Name of this process, stable over restarts; empty: <service>-<host name>.",
    )
    ops_host: str = Field("127.0.0.1", max_length=253, description="Address of /healthz, /readyz and /metrics.")
    ops_port: int = Field(0, ge=0, le=65535, description="Port of /healthz, /readyz and /metrics; 0: a free one.")
    gateways: int = Field(
        0, ge=0, le=64, description="Gateway processes of `natter up`; 0: one per two cores, at most 8."
    )
    routers: int = Field(1, ge=1, le=64, description="Router processes of `natter up`.")
    presences: int = Field(1, ge=1, le=64, description="Presence processes of `natter up`.")
    mucs: int = Field(1, ge=1, le=64, description="Room processes of `natter up`.")
    start_seconds_max: float = Field(
        60.0, ge=1, le=3600, description="How long `natter up` waits for a process to become ready."
    )
    notice: str = Field(
        "", max_length=4096, description="File in which the process says that it is ready, and where; empty: none."
    )
    log_file: str = Field("", max_length=4096, description="File for the log; empty: standard error.")
    log_bytes_max: int = Field(
        10 << 20, ge=10_000, le=1 << 30, description="Size at which the log file is put aside; three are kept."
    )
    drain_seconds_max: float = Field(8.0, ge=0.1, le=3600, description="How long finishing may take after SIGTERM.")
    bus_urls: dict[str, str] = Field(
        default_factory=dict, description="Tests only: addresses of NATS for single services, in place of bus.url."
    )
    failpoint: str = Field(
        "",
        max_length=4096,
        description="Tests only: a file that names a failpoint; read at SIGUSR2, with server.open_registration only.",
    )
    connect_seconds_max: float = Field(
        3600.0, ge=1, le=86400, description="How long to wait for NATS at the start before giving up."
    )


SHARED: dict[str, type[BaseModel]] = {
    "server": Server,
    "bus": BusSection,
    "telemetry": TelemetrySection,
    "runtime": RuntimeSection,
}
