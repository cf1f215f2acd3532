"""One file per verb: what follows from a request to a room."""
