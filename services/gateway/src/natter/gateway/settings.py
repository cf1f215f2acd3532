"""Every setting of the gateway, with unit, bound and what happens at the limit."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class Settings(BaseModel):
    """Section `gateway`. Shared facts (domain, certificates, rate_limits …) are in section `server`."""

    model_config = ConfigDict(extra="forbid")

    # --- listeners --------------------------------------------------------------------------------------------------
    c2s: str = Field("0.0.0.0:5222", description="HOST:PORT for clients that start with STARTTLS; empty: not served.")
    c2s_tls: str = Field("0.0.0.0:5223", description="HOST:PORT for clients that start with TLS; empty: not served.")
    backlog: int = Field(
        4096,
        ge=1,
        le=65535,
        description="Connections that may wait, not yet accepted and, once more, accepted but not let in.",
    )

    # --- lane -------------------------------------------------------------------------------------------------------
    lane: int = Field(-1, ge=-1, le=4095, description="The lane to write to; -1: chosen from the incarnation's name.")
    waiting_bytes_max: int = Field(
        16 << 20, ge=1 << 16, le=1 << 30, description="Bytes not yet stored in the lane; above it no socket is read."
    )

    # --- connections ------------------------------------------------------------------------------------------------
    connections_max: int = Field(100_000, ge=1, description="Open connections of this process; more are closed.")
    connections_per_address_max: int = Field(
        1000, ge=1, description="Open connections from one address; more are closed (not with rate_limits off)."
    )
    tls_seconds_max: float = Field(30.0, gt=0, le=3600, description="Time from connecting to TLS; then the end.")
    bind_seconds_max: float = Field(60.0, gt=0, le=3600, description="Time from connecting to a bound resource.")
    idle_seconds: float = Field(300.0, gt=0, description="Silence after which the server pings.")
    ping_seconds_max: float = Field(60.0, gt=0, description="Silence after that ping which ends the connection.")
    close_seconds_max: float = Field(3.0, gt=0, le=60, description="Time to flush a closed stream before it is cut.")

    # --- limits of one stream ---------------------------------------------------------------------------------------
    preauth_bytes_max: int = Field(8 << 10, ge=1024, description="Bytes before authentication; policy-violation.")
    preauth_elements_max: int = Field(32, ge=8, description="Elements before authentication; policy-violation.")
    preauth_depth_max: int = Field(8, ge=3, description="Depth before authentication; policy-violation.")
    stanza_bytes_max: int = Field(
        256 << 10, ge=10_000, le=900_000, description="Bytes of one stanza; policy-violation."
    )
    depth_max: int = Field(64, ge=8, description="Depth of one stanza; policy-violation.")
    elements_max: int = Field(2000, ge=16, description="Elements of one stanza; policy-violation.")
    attributes_max: int = Field(128, ge=8, description="Attributes of one element; policy-violation.")
    namespaces_max: int = Field(64, ge=8, description="Namespace declarations of one stanza; policy-violation.")
    sasl_failures_max: int = Field(3, ge=1, description="Failed SASL attempts of one connection; policy-violation.")

    # --- rates (off with server.rate_limits=false) ------------------------------------------------------------------
    stanzas_per_second: float = Field(50.0, gt=0, description="Stanzas of one session; above it the socket rests.")
    stanzas_burst: float = Field(200.0, gt=0, description="Stanzas that may come at once.")
    bytes_per_second: float = Field(64 * 1024, gt=0, description="Bytes of one session; above it the socket rests.")
    bytes_burst: float = Field(512 * 1024, gt=0, description="Bytes that may come at once.")
    failures_per_second: float = Field(0.1, gt=0, description="SASL failures of one address; then policy-violation.")
    failures_burst: float = Field(20.0, gt=0, description="SASL failures of one address that may come at once.")
    lag_seconds_max: float = Field(
        0.002,
        ge=0,
        le=1,
        description="Lateness of the event loop above which fewer connections and logins are let in; 0: all that come.",
    )
    logins_per_second: float = Field(
        500.0, ge=0, description="Logins of this process; more wait their turn. 0: as many as come."
    )
    fleet_logins_per_second: float = Field(
        0.0, ge=0, description="Logins of all gateways together, shared by those that live; 0: no such bound."
    )
    login_wait_seconds_max: float = Field(
        20.0, ge=0, le=3600, description="Longest wait for a turn; who would wait longer: temporary-auth-failure."
    )
    registrations_per_second: float = Field(
        0.0, ge=0, description="Registrations from one address; 0: as many as come."
    )
    registrations_burst: float = Field(3.0, gt=0, description="Registrations from one address that may come at once.")
    addresses_max: int = Field(10_000, ge=16, description="Addresses remembered by each of the two rates above.")

    # --- sessions ---------------------------------------------------------------------------------------------------
    resources_max: int = Field(10, ge=1, description="Resources of one account; resource-constraint.")
    outbox_bytes_max: int = Field(1 << 20, ge=1 << 16, description="Bytes not yet written to a session; it is closed.")
    outbox_stanzas_max: int = Field(1000, ge=16, description="Stanzas not yet written to a session; it is closed.")
    inactive_stanzas_max: int = Field(
        200,
        ge=0,
        le=10_000,
        description="Stanzas that may wait for an inactive client (XEP-0352); then all are written. 0: none wait.",
    )
    inactive_bytes_max: int = Field(
        128 << 10, ge=0, le=1 << 24, description="Bytes of such stanzas; above it all are written."
    )
    resume_seconds_max: int = Field(
        600, ge=0, le=86_400, description="How long a session without connection can be resumed; 0: not at all."
    )
    unacked_stanzas_max: int = Field(
        1000,
        ge=16,
        description="Stanzas sent and not acknowledged; the connection is closed, more waits in the delivery log.",
    )
    unacked_bytes_max: int = Field(1 << 20, ge=1 << 16, description="Bytes sent and not acknowledged; likewise.")
    backlog_stanzas_max: int = Field(
        10_000, ge=0, le=40_000, description="Stanzas of a session that so wait in the log; more end the session."
    )
    checkpoint_seconds: float = Field(
        2.0, gt=0, le=60, description="How often is written what another gateway must know to take sessions over."
    )
    ask_stanzas: int = Field(10, ge=1, le=1000, description="Stanzas sent before the client is asked to acknowledge.")
    tell_stanzas: int = Field(50, ge=1, le=10_000, description="Stanzas taken before the client is told unasked.")
    expired_max: int = Field(
        10_000, ge=0, description="Ended sessions whose count of stanzas is remembered for a late client."
    )
    returns_max: int = Field(
        10_000, ge=100, description="Deliveries waiting to be handed back; above it none are read."
    )

    # --- authentication ---------------------------------------------------------------------------------------------
    credentials_seconds: float = Field(2.0, ge=0, le=60, description="How long an account's keys are remembered.")
    credentials_max: int = Field(4096, ge=1, description="Accounts whose keys are remembered at once.")
    credentials_seconds_max: float = Field(5.0, gt=0, le=30, description="Wait for the keys; temporary-auth-failure.")
    verify_threads: int = Field(2, ge=1, le=64, description="Threads that check PLAIN passwords.")
    verified_seconds: float = Field(
        300.0,
        ge=0,
        le=3600,
        description="How long a PLAIN password that was right is known again without its hashing; 0: not.",
    )
    verified_max: int = Field(10_000, ge=1, le=1_000_000, description="Accounts of which that is remembered at once.")
    verify_waiting_max: int = Field(1000, ge=1, description="Passwords waiting for them; temporary-auth-failure.")

    # --- leaving ----------------------------------------------------------------------------------------------------
    linger_seconds: float = Field(0.3, ge=0, le=10, description="How long late deliveries are handed back at the end.")
    drain_seconds_max: float = Field(3.5, gt=0, le=3600, description="Time to close every session when stopping.")
    drain_spread_seconds: float = Field(
        0.0, ge=0, le=3600, description="Over how long connections are closed when stopping, evenly; 0: all at once."
    )
    drain_per_second: float = Field(
        0.0, ge=0, description="Connections closed per second when stopping; 0: as drain_spread_seconds says."
    )
