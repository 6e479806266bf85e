"""Room `serve`: see docs/serve.md."""
