"""Adapters of the group `runtimes`."""
