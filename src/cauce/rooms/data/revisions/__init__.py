"""Versions as git's history names them: differences, imports, garbage collection."""
