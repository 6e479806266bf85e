"""Git LFS: its objects, locks, and versions of what it tracks."""
