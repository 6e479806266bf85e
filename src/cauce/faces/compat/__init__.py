"""Protocols of other tools: thin routes that call the same operations."""
