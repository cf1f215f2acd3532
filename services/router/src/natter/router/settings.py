"""Section `router` of natter.toml."""

from __future__ import annotations

from natter.xmpp import ns
from pydantic import BaseModel, Field


class Settings(BaseModel):
    """How a router behaves. What several services share stands in `server` and `bus`."""

    waiting_bytes_max: int = Field(
        32 << 20,
        ge=1 << 16,
        le=1 << 32,
        description="Bytes decided and not yet stored, above which no more is read from a lane until they are fewer.",
    )
    returns_max: int = Field(
        5,
        ge=1,
        le=15,
        description="How often a stanza whose session had left is routed again before its sender gets an error.",
    )
    name: str = Field(
        "natter", min_length=1, max_length=100, description="Name of the server in disco#info and version."
    )
    tell_os: bool = Field(False, description="Whether the answer to a version request names the operating system.")
    features: tuple[str, ...] = Field(
        (ns.ROSTER, ns.REGISTER),
        max_length=200,
        description="Features of the server's disco#info that other services give: the router adds its own.",
    )
