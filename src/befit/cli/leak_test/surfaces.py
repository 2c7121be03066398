"""Where a leak could show, and what was seen there by whom."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from befit.cli.leak_test.world import Reader


class Surface(StrEnum):
    """Everything that somebody gets to see. A new one joins the test by being named here."""

    SEARCH = "search"  # the command
    SEARCH_HTTP = "search_http"
    QUERIES = "queries"  # each row of a file of queries, for its own reader
    ASK = "ask"  # the command
    CHAT = "chat"  # a whole answer over HTTP
    STREAM = "stream"
    RUN = "run"
    ROUTE = "route"  # a plan retrieves, and then asks no model
    CITATIONS = "citations"  # each document cited, and the message's annotations
    PROMPT = "prompt"  # what a model was sent on the reader's behalf
    HEADERS = "headers"  # receipts included
    CACHE = "cache"  # asked by who may just before it is asked by who may not
    CONVERSATION = "conversation"  # rights are revoked between two turns
    WHY = "why"
    FEEDBACK = "feedback"
    DOCUMENTS = "documents"  # lists of collections and documents, with their counts
    ERRORS = "errors"  # what is forbidden answers as what does not exist
    DECISIONS = "decisions"  # one's own, and those of other readers
    RUNS = "runs"  # of other readers
    APPROVALS = "approvals"
    EVENTS = "events"
    USAGE = "usage"
    METRICS = "metrics"
    LOGS = "logs"


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What one surface of one act showed. Judging it is one check.

    Attributes:
        reader: None where nobody in particular looks, so that no document may show at all.
        content: in lower case.
        sent: what the reader has said themselves, likewise; hearing it again is no leak.
        since, until: the world that was in force when the act began, and the newest once the
            reader had seen it: what any between the two allows is no leak.
        cited: the ids of documents that stand there as such, though the reader may have sent
            them.
        expected: marks of which one should be there, since the reader may see it and asked
            for it; empty expects nothing.
        is_account: an account that the reader's role entitles to; it names documents, and
            must not hold their text.
        difference: how it differs from what it must equal; empty where it does not.
    """

    surface: Surface
    reader: Reader | None
    content: str
    sent: str = ""
    since: int
    until: int
    cited: tuple[str, ...] = ()
    expected: frozenset[str] = frozenset()
    is_account: bool = False
    difference: str = ""
