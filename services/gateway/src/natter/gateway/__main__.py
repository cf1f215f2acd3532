"""The gateway's process."""

from __future__ import annotations

from natter.runtime import process

from .app import app
from .settings import Settings


def main() -> None:
    """Serve until told to end."""
    process.run("gateway", Settings, app)


if __name__ == "__main__":
    main()
