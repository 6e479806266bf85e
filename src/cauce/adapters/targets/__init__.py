"""Adapters of the group `targets`."""
