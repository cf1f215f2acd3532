"""XEP-0431: Full Text Search in MAM.  The field that a query of an archive has for it."""

from __future__ import annotations

from typing import Final

from ..spec import Xep

NS: Final = "urn:xmpp:fulltext:0"

XEP = Xep(431, "Full Text Search in MAM", version="0.2.0", status="complete", features=(NS,), note="off by default")

# XEP-0431 §4: the field, in Clark notation.
FIELD: Final = f"{{{NS}}}fulltext"
