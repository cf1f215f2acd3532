"""The accounts service's share of XEPs."""
