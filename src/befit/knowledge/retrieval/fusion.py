"""One score out of all signals, by weights that were fitted once and ship with Befit."""

from __future__ import annotations

from importlib import resources

import msgspec
import numpy as np

from befit.knowledge.index.search_index import Scores
from befit.knowledge.retrieval.question import QueryWeights
from befit.knowledge.retrieval.signals import SIGNALS, Signals

PACKAGED = "weights.json"


class FusionWeights(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The shipped parameters, and where they come from.

    Attributes:
        fitted_by: the program that writes the file.
        fitted_on: data sets with licence and number of queries.
        query: how the conversation counts.
        plain: the weight of each signal.
        coherent: what coherence adds to that weight, or takes at -1.
    """

    fitted_by: str
    fitted_on: tuple[str, ...]
    query: QueryWeights
    plain: dict[str, float]
    coherent: dict[str, float]

    def scores(self, signals: Signals) -> Scores:
        """The score of each candidate; comparable within one query only."""
        plain = np.array([self.plain[name] for name in SIGNALS])
        coherent = np.array([self.coherent[name] for name in SIGNALS])
        return signals.matrix @ (plain + signals.coherence * coherent)


def packaged_weights() -> FusionWeights:
    """The weights that ship with Befit."""
    content = resources.files("befit.knowledge.retrieval").joinpath(PACKAGED).read_bytes()
    return msgspec.json.decode(content, type=FusionWeights)
