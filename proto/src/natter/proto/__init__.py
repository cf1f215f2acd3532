"""natter proto: what may cross the bus."""
