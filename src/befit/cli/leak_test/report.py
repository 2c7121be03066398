"""What the leak test found, for people and programs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from befit.cli.leak_test.surfaces import Surface
from befit.cli.leak_test.tally import Finding, Tally

LEAST_FOUND = 0.9
"""Of the searches for what their reader may read; a system that finds nothing leaks nothing."""

_SEARCHES = (Surface.SEARCH, Surface.SEARCH_HTTP, Surface.QUERIES)


class FoundShare(msgspec.Struct, frozen=True, kw_only=True):
    """How often what a reader may read and asked for was there, of `n` times."""

    share: float
    n: int


class RevocationTimes(msgspec.Struct, frozen=True, kw_only=True):
    """From the return of a change to the end of the first search without the document.

    `late` counts the searches that came after the return and still found it. Where there are
    none it was the very next one, and the time is that search's own, beside all others.
    """

    n: int
    p50: float | None
    max: float | None
    late: int


class LeakTestDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What `befit knowledge leak-test --json` prints (contract)."""

    checks: int
    leaks: int
    surfaces: dict[str, int]
    findings: tuple[Finding, ...]
    found: dict[str, FoundShare]
    revocation_ms: RevocationTimes
    worlds: int
    seed: int
    seconds: float
    proves_something: bool

    @property
    def passed(self) -> bool:
        """Whether nothing leaked, and enough was found for that to mean something."""
        return not self.leaks and self.proves_something


def leak_test_document(tallies: Sequence[Tally], *, seed: int, seconds: float) -> LeakTestDocument:
    """The document of one or more worlds."""
    times_ms = [each for tally in tallies for each in tally.revocations.times_ms]
    surfaces = {
        surface.value: sum(tally.surfaces[surface] for tally in tallies) for surface in Surface
    }
    found = {
        surface.value: FoundShare(
            share=sum(tally.found[surface] for tally in tallies) / expected, n=expected
        )
        for surface in Surface
        if (expected := sum(tally.expected[surface] for tally in tallies))
    }
    return LeakTestDocument(
        checks=sum(tally.checks for tally in tallies),
        leaks=sum(tally.leaks.total() for tally in tallies),
        surfaces={name: checks for name, checks in surfaces.items() if checks},
        findings=tuple(finding for tally in tallies for finding in tally.findings),
        found=found,
        revocation_ms=RevocationTimes(
            n=len(times_ms),
            p50=round(statistics.median(times_ms), 1) if times_ms else None,
            max=round(max(times_ms), 1) if times_ms else None,
            late=sum(tally.revocations.late for tally in tallies),
        ),
        worlds=len(tallies),
        seed=seed,
        seconds=round(seconds, 1),
        proves_something=_finds_enough(tallies),
    )


def _finds_enough(tallies: Sequence[Tally]) -> bool:
    expected = sum(tally.expected[surface] for tally in tallies for surface in _SEARCHES)
    found = sum(tally.found[surface] for tally in tallies for surface in _SEARCHES)
    return expected > 0 and found >= LEAST_FOUND * expected
