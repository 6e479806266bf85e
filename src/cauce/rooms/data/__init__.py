"""Room `data`: see docs/data.md."""
