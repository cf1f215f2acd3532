"""Runs the accounts service."""

from natter.accounts.app import app
from natter.accounts.settings import Settings
from natter.runtime import process


def main() -> None:
    """Be the accounts service until told to end."""
    process.run("accounts", Settings, app)


if __name__ == "__main__":
    main()
