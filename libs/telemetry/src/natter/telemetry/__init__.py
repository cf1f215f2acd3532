"""natter telemetry: names and set-up of metrics, spans and logs."""
