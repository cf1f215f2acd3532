"""Runs the metrics service."""

from natter.metrics.app import app
from natter.metrics.settings import Settings
from natter.runtime import process


def main() -> None:
    """Be the metrics service until told to end."""
    process.run("metrics", Settings, app)


if __name__ == "__main__":
    main()
