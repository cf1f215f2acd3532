"""XEP-0313: Message Archive Management.  Which requests are the archive's, and what an account with one can do."""

from __future__ import annotations

from natter.xmpp.xeps import fulltext, mam, mam_preferences, stanza_id

# XEP-0313 §7, XEP-0441 §2.1: at the bare JID of the user.
REQUESTS = frozenset({mam.QUERY, mam.METADATA, mam_preferences.PREFS})
# XEP-0313 §7: who understands the field says so, even without groupchat to give.
FEATURES = (*mam.XEP.features, mam.GROUPCHAT_FIELD, *stanza_id.XEP.features)


def features(*, search: bool) -> tuple[str, ...]:
    """Of an account that has an archive."""
    # XEP-0431 §3: where words can be searched for.
    return (*FEATURES, *fulltext.XEP.features) if search else FEATURES
