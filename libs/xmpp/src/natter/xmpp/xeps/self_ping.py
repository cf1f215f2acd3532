"""XEP-0410: MUC Self-Ping (Schrödinger's Chat).  Am I still in the room?"""

from __future__ import annotations

from typing import Final

from ..spec import Xep

FEATURE: Final = "http://jabber.org/protocol/muc#self-ping-optimization"

XEP = Xep(410, "MUC Self-Ping (Schrödinger's Chat)", version="1.1.0", status="complete", features=(FEATURE,))
