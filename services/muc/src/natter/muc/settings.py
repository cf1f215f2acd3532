"""Section `muc` of natter.toml."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .rates import STRICT, Action
from .room.request import Limits
from .room.state import Config


class Settings(BaseModel):
    """How rooms behave, and what they may grow to. What several services share stands in `server` and `bus`."""

    model_config = ConfigDict(extra="forbid")

    # --- rooms ------------------------------------------------------------------------------------------------------
    occupants_max: int = Field(
        200, ge=2, le=10_000, description="Occupants of one room; service-unavailable, but for ten more admins."
    )
    rooms_per_user_max: int = Field(50, ge=1, le=100_000, description="Rooms that one user may have made; not-allowed.")
    affiliations_max: int = Field(
        1000, ge=10, le=5000, description="Entries in one room's lists of affiliations; resource-constraint."
    )
    history_stanzas: int = Field(20, ge=0, le=100, description="Messages a new room repeats to those who join.")
    create: Literal["anybody", "local", "admins"] = Field(
        "anybody", description="Who may make rooms: anybody, users of this server, or `admins` only; not-allowed."
    )
    admins: list[str] = Field(
        default_factory=list, max_length=1000, description="Bare JIDs that may make any number of rooms."
    )
    tombstone_seconds: int = Field(
        30 * 86_400,
        ge=0,
        le=10 * 365 * 86_400,
        description="How long a destroyed room's name is kept for its owners; 0: not at all.",
    )

    # --- the archive ------------------------------------------------------------------------------------------------
    archive_page_items_max: int = Field(
        100, ge=10, le=1000, description="Messages in one answer of a room's archive; who wants more asks again."
    )

    # --- what a new room is -----------------------------------------------------------------------------------------
    default_persistent: bool = Field(False, description="A new room stays when the last occupant leaves.")
    default_public: bool = Field(True, description="A new room is in the list of rooms.")
    default_members_only: bool = Field(False, description="Only members enter a new room.")
    default_moderated: bool = Field(False, description="Newcomers may not speak in a new room.")
    default_jids_public: bool = Field(False, description="Everybody in a new room sees real JIDs.")
    default_members_invite: bool = Field(False, description="Members invite others to a new members-only room.")
    default_change_subject: bool = Field(False, description="Participants change the subject of a new room.")
    default_lang: str = Field("", max_length=64, description="Language of a new room.")

    # --- sizes ------------------------------------------------------------------------------------------------------
    nick_bytes_max: int = Field(128, ge=16, le=1023, description="Bytes of a nickname; not-acceptable.")
    lookalikes_refused: bool = Field(
        False, description="Whether a nickname that looks like another one is refused (UTS #39); conflict."
    )
    subject_bytes_max: int = Field(4096, ge=256, le=65536, description="Bytes of a subject message; not-acceptable.")
    presence_bytes_max: int = Field(
        2048, ge=256, le=3072, description="Bytes of what an occupant's presence says; policy-violation."
    )
    reason_bytes_max: int = Field(1024, ge=64, le=8192, description="Bytes of a reason; policy-violation.")
    card_bytes_max: int = Field(
        65_536, ge=1024, le=131_072, description="Bytes of a room's card with its picture; not-acceptable."
    )
    invites_max: int = Field(10, ge=1, le=100, description="People invited by one message; policy-violation.")

    # --- rates, per user and room; policy-violation -----------------------------------------------------------------
    strict_rates: bool = Field(
        False, description="Whether what follows is 10, 5, 10 and 20 where it says 0; policy-violation above it."
    )
    messages_per_10_seconds_max: int = Field(0, ge=0, le=10_000, description="Messages to one room; 0: any number.")
    presences_per_minute_max: int = Field(0, ge=0, le=10_000, description="Changes of presence in one room.")
    joins_per_minute_max: int = Field(0, ge=0, le=10_000, description="Joins of one room; 0: any number.")
    questions_per_10_seconds_max: int = Field(0, ge=0, le=10_000, description="IQs to one room; 0: any number.")

    # --- memory -----------------------------------------------------------------------------------------------------
    rooms_loaded_max: int = Field(
        10_000, ge=10, le=10_000_000, description="Rooms of one shard kept in memory; idle ones make place."
    )
    rest_seconds: float = Field(
        300.0, ge=1, le=86_400, description="How long a room that nobody is in stays in memory after its last use."
    )
    waiting_bytes_max: int = Field(
        16 << 20, ge=1 << 20, le=1 << 32, description="Bytes to be stored, above which a shard is not read."
    )

    # --- upkeep -----------------------------------------------------------------------------------------------------
    snapshot_events: int = Field(200, ge=10, le=100_000, description="Events of a room after which it is snapshot.")
    vanish_seconds: float = Field(
        30.0, gt=0, le=60, description="How long after its session an occupant stays whose last word does not come."
    )
    forget_seconds: float = Field(
        900.0, ge=1, description="How long a destroyed room's journal is kept; longer than bus.resume_seconds."
    )

    def rates(self) -> dict[Action, int]:
        """How many of each action one user may do in one room."""
        given = {
            Action.MESSAGE: self.messages_per_10_seconds_max,
            Action.PRESENCE: self.presences_per_minute_max,
            Action.JOIN: self.joins_per_minute_max,
            Action.IQ: self.questions_per_10_seconds_max,
        }
        return {action: given[action] or (strict if self.strict_rates else 0) for action, strict in STRICT.items()}

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
            card_bytes_max=self.card_bytes_max,
            lookalikes_refused=self.lookalikes_refused,
            tombstone_seconds=self.tombstone_seconds,
            default=Config(
                persistent=self.default_persistent,
                public=self.default_public,
                members_only=self.default_members_only,
                moderated=self.default_moderated,
                jids_public=self.default_jids_public,
                members_invite=self.default_members_invite,
                occupants_change_subject=self.default_change_subject,
                history_stanzas_max=self.history_stanzas,
                lang=self.default_lang,
            ),
        )
