"""The gateway in one's own process: a door of its own, which other commands need not import."""

from befit.gateway.in_process.served import served

__all__ = ["served"]
