"""Settings of the presence service."""

from __future__ import annotations

from pydantic import BaseModel, Field

from .model.effects import Limits


class Settings(BaseModel):
    """Section `presence` of natter.toml."""

    roster_items_max: int = Field(
        1000, ge=1, le=10_000, description="Items of one roster; a further one is refused with resource-constraint."
    )
    roster_bytes_max: int = Field(
        512 << 10,
        ge=1024,
        le=768 << 10,
        description="Bytes of one roster, stored requests included; what would exceed them is refused.",
    )
    item_groups_max: int = Field(16, ge=0, le=100, description="Groups of one item; more are not acceptable.")
    name_bytes_max: int = Field(256, ge=16, le=1023, description="Bytes of an item's name; more are not acceptable.")
    group_bytes_max: int = Field(256, ge=16, le=1023, description="Bytes of a group's name; more are not acceptable.")
    requests_max: int = Field(
        100, ge=1, le=1000, description="Subscription requests that wait for one user; a further one is dropped."
    )
    request_bytes_max: int = Field(
        2048, ge=256, le=65_536, description="Bytes of a stored subscription request; of a longer one the bare request."
    )
    directed_max: int = Field(
        500,
        ge=1,
        le=5000,
        description="Addresses remembered per session for directed presence; at the limit the oldest is forgotten.",
    )
    users_in_memory_max: int = Field(
        2000, ge=1, le=1_000_000, description="Rosters kept in memory per shard; more are read again from the bus."
    )
    snapshot_events: int = Field(
        100,
        ge=1,
        le=10_000,
        description="Events of a roster after which it is stored whole, and they are forgotten.",
    )
    frames_waiting_max: int = Field(
        4096, ge=1, le=1_000_000, description="Stanzas of a shard under work; more stay on the bus."
    )
    bytes_waiting_max: int = Field(
        16 << 20,
        ge=1 << 20,
        le=1 << 30,
        description="Bytes of a shard on their way to the bus; at the limit work stops.",
    )
    gateway_missing_seconds: float = Field(
        2.0,
        ge=0.5,
        le=600,
        description="How long a gateway must be missing among the live ones before its sessions are removed.",
    )
    start_seconds: float = Field(
        6.0, ge=0.5, le=600, description="How long after the start, or after an outage, no gateway counts as missing."
    )

    def limits(self) -> Limits:
        """Those that decisions know."""
        return Limits(
            items_max=self.roster_items_max,
            requests_max=self.requests_max,
            groups_max=self.item_groups_max,
            name_bytes_max=self.name_bytes_max,
            group_bytes_max=self.group_bytes_max,
            request_bytes_max=self.request_bytes_max,
            roster_bytes_max=self.roster_bytes_max,
            directed_max=self.directed_max,
        )
