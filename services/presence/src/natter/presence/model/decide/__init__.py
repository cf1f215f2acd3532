"""One file per verb: what follows from a frame for the user whose shard it reached."""
