"""XEP-0313: Message Archive Management.  Which requests are the archive's, and what an account with one can do."""

from __future__ import annotations

from natter.xmpp.xeps import mam, stanza_id

# XEP-0313 §7: at the bare JID of the user.
REQUESTS = frozenset({mam.QUERY, mam.METADATA})
FEATURES = (*mam.XEP.features, *stanza_id.XEP.features)
