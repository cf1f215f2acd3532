"""Where a message is (ADR 0018): read from the logs when somebody asks, metadata only."""
