"""The settings that every process shares: sections server, bus, telemetry and runtime of natter.toml."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

StreamName = Literal["LANES", "DELIVERIES", "SHARDS", "JOURNALS", "AVAILABILITY", "FACTS", "ARCHIVE", "CHAPTERS"]


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
    archive_shards: int = Field(
        1,
        ge=1,
        le=1024,
        description="How many parts the archives are divided into; more than one is of use with PostgreSQL only.",
    )
    archive_hours: float = Field(
        72.0,
        ge=0.1,
        le=8760,
        description="How far back archives can be made again from the bus; what is erased is gone there after that.",
    )
    lease_seconds: float = Field(
        2.0, ge=0.5, le=60, description="How long a shard stays with a holder that went silent."
    )
    resume_seconds: float = Field(
        600.0, ge=10, le=86400, description="How long lanes and deliveries are kept: the resume window."
    )
    bytes_max: dict[StreamName, Annotated[int, Field(ge=1 << 16, le=1 << 50)]] = Field(
        default_factory=dict, description="Bytes of a js_stream, by its name, where they are not to be as they come."
    )
    room_days: float = Field(
        30.0,
        ge=0,
        le=36_500,
        description="How long what happened in rooms can be read again (XEP-0313, `natter room at`); 0: not at all.",
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
    traces_per_second_max: float = Field(
        20.0,
        ge=0,
        description="Traces that a gateway begins per second; above it the share is smaller. Not with sample_ratio 1.",
    )
    slow_seconds: float = Field(
        1.0,
        ge=0,
        le=600,
        description="Latency of a stanza that gets a span in any case, as errors do (traces_per_second_max). 0: none.",
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


class ArchiveSection(BaseModel):
    """What is kept of messages: the router asks whether, the archive service how."""

    enabled: bool = Field(True, description="Whether messages are archived for their users (XEP-0313).")
    offline: bool = Field(True, description="Whether messages wait for users who are not there (XEP-0160).")
    url: SecretStr = Field(
        SecretStr(""),
        max_length=1000,
        description="PostgreSQL, as postgresql://USER:PASSWORD@HOST/DATABASE; empty: SQLite in the data folder.",
    )
    batch_seconds: float = Field(
        0.1, ge=0, le=5, description="How long messages wait to be written together; a question does not wait for it."
    )
    rows_waiting_max: int = Field(
        4096, ge=16, le=1_000_000, description="Stanzas of a shard that are being worked on; more stay on the bus."
    )
    page_max: int = Field(
        250, ge=1, le=1000, description="Messages in one page of an answer, whatever page was asked for (XEP-0059)."
    )
    page_bytes_max: int = Field(
        1 << 20, ge=1 << 16, le=16 << 20, description="Bytes of the messages in one page: with more, it is shorter."
    )
    queries_at_once_max: int = Field(16, ge=1, le=1000, description="Questions answered at once; others wait.")
    search: bool = Field(
        False,
        description="Whether users may search their archives for words (XEP-0431), in messages from then on.",
    )
    days: float = Field(
        0.0, ge=0, le=36500, description="Age at which archived messages are forgotten; 0: they are kept for ever."
    )
    messages_max: int = Field(
        0, ge=0, description="Messages of one archive, above which its oldest are forgotten; 0: any number is kept."
    )
    offline_max: int = Field(
        500,
        ge=1,
        le=100_000,
        description="Messages that wait for one user; of a further one its sender is told service-unavailable.",
    )


SHARED: dict[str, type[BaseModel]] = {
    "server": Server,
    "bus": BusSection,
    "telemetry": TelemetrySection,
    "runtime": RuntimeSection,
    "archive": ArchiveSection,
}
