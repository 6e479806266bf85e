"""Room `ship`: see docs/ship.md."""
