"""Adapters of the group `frameworks`."""
