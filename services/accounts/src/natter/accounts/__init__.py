"""natter accounts: accounts and credentials."""
