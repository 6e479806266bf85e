"""Adapters of the group `stores`."""
