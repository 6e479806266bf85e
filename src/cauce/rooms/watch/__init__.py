"""Room `watch`: see docs/watch.md."""
