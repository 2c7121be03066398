"""What deciding costs: `python -m benchmarks.policy`."""
