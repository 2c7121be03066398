"""What the packaged recognisers find, miss and cost: `python -m benchmarks.detection`."""
