"""natter router: where every stanza goes."""
