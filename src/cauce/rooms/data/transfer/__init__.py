"""Between the store at hand and remotes: push, pull, fetch."""
