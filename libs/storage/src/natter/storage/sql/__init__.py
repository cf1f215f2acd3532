"""Numbered migrations, as SQL."""
