"""The router service: `python -m natter.router`."""

from __future__ import annotations

from natter.runtime import process

from .app import app
from .settings import Settings


def main() -> None:
    """Be a router until told to end."""
    process.run("router", Settings, app)


if __name__ == "__main__":
    main()
