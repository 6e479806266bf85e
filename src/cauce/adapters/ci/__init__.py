"""Adapters of the group `ci`."""
