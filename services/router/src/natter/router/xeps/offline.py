"""XEP-0160: Best Practices for Handling Offline Messages.  That the server does so."""

from __future__ import annotations

from natter.xmpp.xeps import offline

FEATURES = offline.XEP.features
