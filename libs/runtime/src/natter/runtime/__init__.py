"""natter runtime: settings, lifecycle, health, launcher and CLI."""
