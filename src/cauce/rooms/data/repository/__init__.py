"""Upkeep of a DVC repository: its remotes, settings, and tracked paths as such."""
