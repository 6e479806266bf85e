"""Room `label`: see docs/label.md."""
