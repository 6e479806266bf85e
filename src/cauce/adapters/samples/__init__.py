"""Adapters of the group `samples`: real data sets that ship inside packages."""
