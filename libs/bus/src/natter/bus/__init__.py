"""natter bus: lanes, deliveries, journals, leases over NATS."""
