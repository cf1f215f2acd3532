"""This room's share of the XEPs: steps that `pipeline.py` puts in order."""
