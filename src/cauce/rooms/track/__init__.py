"""Room `track`: see docs/track.md."""
