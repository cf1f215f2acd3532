"""One room, pure: its state, what happens to it, what follows from a request, and what the occupants are told."""
