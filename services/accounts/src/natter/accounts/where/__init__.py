"""Where a message is (ADR 0019): read from the logs when somebody asks, metadata only."""
