"""The archive service: `python -m natter.archive`."""

from __future__ import annotations

from natter.runtime import process

from .app import app
from .settings import Settings

if __name__ == "__main__":
    process.run("archive", Settings, app)
