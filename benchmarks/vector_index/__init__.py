"""Latency, exactness and memory of the embedded index at size."""
