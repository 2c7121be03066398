"""Befit puts the right model on each task."""
