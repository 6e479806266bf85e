"""Adapters of the group `formats`."""
