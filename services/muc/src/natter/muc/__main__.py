"""The muc service: `python -m natter.muc`."""

from __future__ import annotations

from natter.runtime import process

from .app import app
from .settings import Settings


def main() -> None:
    """Be a holder of rooms until told to end."""
    process.run("muc", Settings, app)


if __name__ == "__main__":
    main()
