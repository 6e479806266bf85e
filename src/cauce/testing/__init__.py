"""Suites, faults and strategies, for us and for authors of plug-ins."""
