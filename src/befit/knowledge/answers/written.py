"""`Written`: what a model wrote, claim by claim, held against the passages that it was given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from befit.knowledge.search.found import Citation


class Fault(StrEnum):
    """Why a claim is not supported; the value is what a model is told to repair."""

    NOT_CITED = "cites no passage"
    NO_SUCH_PASSAGE = "cites a passage that was not given"
    NUMBERS_DIFFER = "says a number or date that the cited passage does not"
    NAMES_DIFFER = "says a name that the cited passage does not"
    NEGATION_DIFFERS = "says yes where the cited passage says no, or the reverse"
    NOT_SAID = "says what the cited passage does not"


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One sentence of an answer that states something.

    Attributes:
        start, end: characters of `Written.text`, its marks such as `[1]` included.
        citations: where it stands; empty where it is not supported.
        fault: why it is not; None where it is.
        detail: the words that the fault is about, such as the number.
    """

    start: int
    end: int
    text: str
    citations: tuple[Citation, ...] = ()
    fault: Fault | None = None
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Written:
    """What `check_written` gives.

    Attributes:
        text: the answer as checked; marks stay as they were written.
        claims: every sentence that states something, in order.
    """

    text: str
    claims: tuple[Claim, ...]

    @property
    def unsupported(self) -> tuple[Claim, ...]:
        """The claims that must not be released."""
        return tuple(claim for claim in self.claims if claim.fault is not None)

    @property
    def is_supported(self) -> bool:
        """Whether something is claimed, and every claim stands in a passage it cites."""
        return bool(self.claims) and not self.unsupported

    @property
    def citations(self) -> tuple[Citation, ...]:
        """Of all claims, each once, in the order of the text."""
        return tuple(dict.fromkeys(each for claim in self.claims for each in claim.citations))

    @property
    def places(self) -> tuple[tuple[int, int], ...]:
        """For each of `citations`, the first claim that rests on it, start and end in `text`."""
        first = dict[Citation, tuple[int, int]]()
        for claim in self.claims:
            for citation in claim.citations:
                first.setdefault(citation, (claim.start, claim.end))
        return tuple(first.values())
