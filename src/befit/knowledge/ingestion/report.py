"""`IngestReport`: what one run did, told in bounded space however much it met."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from befit.knowledge.sources.source import Skipped
from befit.vocabulary import DataClass

MOST_TOLD = 1_000
"""Findings that are told one by one; beyond it they are counted only."""


@dataclass(kw_only=True, slots=True)
class Findings:
    """Things met, each with its reason; the first ones are kept, all are counted."""

    count: int = 0
    first: list[Skipped] = field(default_factory=list[Skipped])

    def add(self, what: str, reason: str) -> None:
        """Count one more, and keep it while there is room."""
        self.count += 1
        if len(self.first) < MOST_TOLD:
            self.first.append(Skipped(what=what, reason=reason))


@dataclass(kw_only=True, slots=True)
class IngestReport:
    """The tally of one run.

    Attributes:
        listed: what the source offered, taken in or not.
        moved: documents whose text is the same and whose readers are others now.
        finished: documents that an earlier, broken run had left half done.
        skipped: what was not taken in.
        warnings: what was taken in, with something to know about it.
        notices: what there is to know of the run as a whole, a sentence each.
        administrators_only: documents met that nobody but administrators may read.
        passages: taken in by this run; `classes` counts them by their class.
        failure: why the source could not be listed to its end; None where it was.
    """

    listed: int = 0
    added: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    moved: int = 0
    finished: int = 0
    skipped: Findings = field(default_factory=Findings)
    warnings: Findings = field(default_factory=Findings)
    notices: list[str] = field(default_factory=list[str])
    administrators_only: int = 0
    passages: int = 0
    classes: Counter[DataClass] = field(default_factory=Counter[DataClass])
    failure: str | None = None
    version: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether the source was listed to its end."""
        return self.failure is None
