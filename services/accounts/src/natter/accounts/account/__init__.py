"""One account, purely: its state as the fold of its journal, and the decisions about it."""
