"""Benchmarks of the room `watch`."""
