"""The archive's share of XMPP extensions."""
