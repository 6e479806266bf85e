"""Benchmarks: us, the peer and the floor side by side in one run. Timings decide nothing."""
