"""The embedded models: their weights, the process that owns them, and its client."""

from befit.inference.embedded.choice import MAX_LABELS
from befit.inference.embedded.client import EmbeddedProvider
from befit.inference.embedded.dimensions import DIMENSIONS
from befit.inference.embedded.supervision import ModelProcess, ModelProcessSettings

__all__ = [
    "DIMENSIONS",
    "MAX_LABELS",
    "EmbeddedProvider",
    "ModelProcess",
    "ModelProcessSettings",
]
