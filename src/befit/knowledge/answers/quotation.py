"""`Quotation`: an answer made of the documents' own sentences, or that there is none."""

from __future__ import annotations

from dataclasses import dataclass

from befit.knowledge.search.found import Citation

NOT_IN_DOCUMENTS = "The documents do not say."
"""The whole answer where the documents hold none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quotation:
    """What `quote` gives.

    Attributes:
        found: whether the documents say, at the operating point of the model that decided.
        probability: that they do, calibrated.
        text: to read; `NOT_IN_DOCUMENTS` where they do not.
        citations: of every stretch quoted, in the order of the text, from at most three passages.
        places: where in `text` each citation's words stand, start and end.
    """

    found: bool
    probability: float
    text: str
    citations: tuple[Citation, ...] = ()
    places: tuple[tuple[int, int], ...] = ()
