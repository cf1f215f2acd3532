"""Runs the presence service."""

from natter.presence.app import app
from natter.presence.settings import Settings
from natter.runtime import process


def main() -> None:
    """Be the presence service until told to end."""
    process.run("presence", Settings, app)


if __name__ == "__main__":
    main()
