"""What presence knows and decides, pure: subscriptions, rosters, availability. No bus, no clock, no task."""
