"""Adapters of the group `executors`."""
