"""Settings of the archive service. The router asks some of them too, so they stand with what processes share."""

from __future__ import annotations

from natter.runtime.sections import ArchiveSection as Settings

__all__ = ["Settings"]
