"""Room `flow`: see docs/flow.md."""
