"""Adapters of the group `intake`."""
