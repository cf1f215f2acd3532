"""Settings of the accounts service."""

from __future__ import annotations

from pydantic import BaseModel, Field, SecretStr


class Settings(BaseModel):
    """Section `accounts` of natter.toml."""

    scram_iterations: int = Field(
        10_000,
        ge=4096,
        le=1_000_000,
        description="PBKDF2 rounds of new SCRAM keys: what each guess costs a thief.",
    )
    key_threads: int = Field(2, ge=1, le=64, description="Threads that turn passwords into keys.")
    keys_waiting_max: int = Field(
        256, ge=1, le=100_000, description="Passwords that may wait for a thread; more are answered with `unavailable`."
    )
    accounts_listed_max: int = Field(
        100_000,
        ge=1,
        le=1_000_000,
        description="Names in one answer of `natter user list`; that there are more is said.",
    )
    stanzas_waiting_max: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Batches of in-session requests (XEP-0077) that may wait; more stay on the bus.",
    )
    in_session_changes: bool = Field(
        True, description="Whether users may change their password and remove their account by XEP-0077."
    )
    admin: str = Field(
        "",
        max_length=260,
        description="Address of the administration listener (`GET /where/ID`), HOST:PORT; empty: none.",
    )
    admin_token: SecretStr = Field(
        SecretStr(""),
        max_length=1000,
        description="What its users show as bearer token; empty: `admin.token` in the data folder, made when missing.",
    )
