"""Settings of the metrics service."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr


class Settings(BaseModel):
    """Section `metrics` of natter.toml."""

    http: str = Field(
        "127.0.0.1:5280",
        max_length=300,
        pattern=r"^.+:\d{1,5}$",
        description="Address of the overview page and its JSON, HOST:PORT; port 0: a free one.",
    )
    clickhouse_url: SecretStr = Field(
        SecretStr(""),
        max_length=1000,
        description="ClickHouse server, clickhouse://user:password@host:8123; empty: embedded, in the data folder.",
    )
    rows_per_insert_max: int = Field(
        200_000, ge=1, le=1_000_000, description="Rows of one insert, some 100 bytes of memory each."
    )
    insert_seconds: float = Field(2.0, ge=0.05, le=60, description="How long rows are gathered for one insert.")
    retry_seconds_max: float = Field(
        30.0, ge=0.1, le=600, description="Longest pause between attempts while ClickHouse does not take rows."
    )
    pod_costs: bool = Field(
        False, description="In Kubernetes: write the sessions of each gateway as its pod's deletion cost."
    )
    pod_costs_seconds: float = Field(15.0, ge=0.1, le=600, description="How often they are looked at.")
