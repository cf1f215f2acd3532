"""natter muc: rooms."""
