"""Throughput of the transform function beside its peers: `python -m benchmarks`."""
