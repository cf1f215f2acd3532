"""XML streams without I/O: bytes in, events out (reader), and the receiving entity's negotiation (server)."""
