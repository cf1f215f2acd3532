"""Section `muc` of natter.toml."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from .room.request import Limits


class Settings(BaseModel):
    """How rooms behave, and what they may grow to. What several services share stands in `server` and `bus`."""

    model_config = ConfigDict(extra="forbid")

    # --- rooms ------------------------------------------------------------------------------------------------------
    occupants_max: int = Field(
        200, ge=2, le=1000, description="Occupants of one room; service-unavailable, but for ten more admins."
    )
    rooms_per_user_max: int = Field(50, ge=1, le=100_000, description="Rooms that one user may have made; not-allowed.")
    affiliations_max: int = Field(
        1000, ge=10, le=5000, description="Entries in one room's lists of affiliations; resource-constraint."
    )
    history_stanzas: int = Field(20, ge=0, le=100, description="Messages a new room repeats to those who join.")
    nick_bytes_max: int = Field(128, ge=16, le=1023, description="Bytes of a nickname; not-acceptable.")
    subject_bytes_max: int = Field(4096, ge=256, le=65536, description="Bytes of a subject message; not-acceptable.")
    presence_bytes_max: int = Field(
        2048, ge=256, le=3072, description="Bytes of what an occupant's presence says; policy-violation."
    )
    reason_bytes_max: int = Field(1024, ge=64, le=8192, description="Bytes of a reason; policy-violation.")
    invites_max: int = Field(10, ge=1, le=100, description="People invited by one message; policy-violation.")

    # --- memory -----------------------------------------------------------------------------------------------------
    rooms_loaded_max: int = Field(
        10_000, ge=10, le=10_000_000, description="Rooms of one shard kept in memory; idle ones make place."
    )
    waiting_bytes_max: int = Field(
        16 << 20, ge=1 << 20, le=1 << 32, description="Bytes to be stored, above which a shard is not read."
    )

    # --- upkeep -----------------------------------------------------------------------------------------------------
    snapshot_events: int = Field(200, ge=10, le=100_000, description="Events of a room after which it is snapshot.")
    vanish_seconds: float = Field(
        1.0, gt=0, le=60, description="How long after its session an occupant stays that did not say good-bye."
    )
    forget_seconds: float = Field(
        900.0, ge=1, description="How long a destroyed room's journal is kept; longer than bus.resume_seconds."
    )

    def limits(self) -> Limits:
        """What the rules of a room want to know."""
        return Limits(
            occupants_max=self.occupants_max,
            nick_bytes_max=self.nick_bytes_max,
            subject_bytes_max=self.subject_bytes_max,
            presence_bytes_max=self.presence_bytes_max,
            affiliations_max=self.affiliations_max,
            reason_bytes_max=self.reason_bytes_max,
            invites_max=self.invites_max,
            history_stanzas=self.history_stanzas,
        )
