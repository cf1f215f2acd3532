"""XEP-0160: Best Practices for Handling Offline Messages; XEP-0013: what one may ask about what waits."""

from __future__ import annotations

from natter.xmpp.xeps import flexible_offline, offline

FEATURES = (*offline.XEP.features, *flexible_offline.XEP.features)
# XEP-0013 §2: at the user's own account.
REQUESTS = frozenset({flexible_offline.OFFLINE})
