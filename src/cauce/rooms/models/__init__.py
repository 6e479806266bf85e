"""Room `models`: see docs/models.md."""
