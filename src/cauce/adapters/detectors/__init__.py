"""Adapters of the group `detectors`."""
