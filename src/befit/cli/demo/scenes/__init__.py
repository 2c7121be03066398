"""The scenes, one a file; each plays on the stage and returns what it showed."""

from befit.cli.demo.scenes.before import play_before
from befit.cli.demo.scenes.boundary import play_boundary
from befit.cli.demo.scenes.card import play_card
from befit.cli.demo.scenes.documents import play_documents
from befit.cli.demo.scenes.failure import play_failure
from befit.cli.demo.scenes.planning import play_planning
from befit.cli.demo.scenes.tickets import TicketRows, play_tickets

__all__ = [
    "TicketRows",
    "play_before",
    "play_boundary",
    "play_card",
    "play_documents",
    "play_failure",
    "play_planning",
    "play_tickets",
]
