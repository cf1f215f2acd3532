"""natter storage: projections and ClickHouse."""
