"""What `befit serve` runs; a door of its own, so that other commands need not import it."""

from befit.gateway.supervisor import Announcement, Supervisor

__all__ = ["Announcement", "Supervisor"]
