"""Specialists in process: the artefact, its files and the n-grams it reads. numpy alone."""

from befit.inference.embedded.specialist.artefact import (
    SpecialistArtefact,
    scope_features,
    softmax,
)
from befit.inference.embedded.specialist.files import (
    Abstention,
    Calibration,
    SpecialistDocument,
    TrainingSummary,
)
from befit.inference.embedded.specialist.ngrams import (
    Floats,
    NgramRows,
    count_ngrams,
    dot,
    rarity_of,
    take,
    weigh,
)

__all__ = [
    "Abstention",
    "Calibration",
    "Floats",
    "NgramRows",
    "SpecialistArtefact",
    "SpecialistDocument",
    "TrainingSummary",
    "count_ngrams",
    "dot",
    "rarity_of",
    "scope_features",
    "softmax",
    "take",
    "weigh",
]
