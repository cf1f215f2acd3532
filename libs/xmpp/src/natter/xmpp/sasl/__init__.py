"""SASL as XMPP profiles it (RFC 6120 §6), the receiving entity's side, without I/O."""
