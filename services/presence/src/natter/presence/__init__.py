"""natter presence: rosters, subscriptions, availability."""
