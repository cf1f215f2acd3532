"""natter xmpp: sans-IO XMPP."""
