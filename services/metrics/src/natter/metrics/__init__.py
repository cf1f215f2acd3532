"""natter metrics: counters, ClickHouse."""
