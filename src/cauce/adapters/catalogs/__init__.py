"""Adapters of the group `catalogs`."""
