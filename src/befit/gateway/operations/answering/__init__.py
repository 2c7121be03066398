"""Asking, and what becomes of what was asked: runs and the approvals they wait for."""
