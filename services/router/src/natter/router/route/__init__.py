"""Where a stanza goes: pure decisions about one frame, given the session directory and the hosts we are."""
