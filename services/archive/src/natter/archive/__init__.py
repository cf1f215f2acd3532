"""The archive service: what users have said and heard, and what waits for them."""
