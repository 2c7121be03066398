"""Labelled texts with vectors that a linear model can learn, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from befit.messages import Embeddings, TokenUsage
from befit.vocabulary import OUT_OF_SCOPE

DIMENSIONS = 24
_WORDS = {
    "access": ("password", "login", "account", "locked"),
    "billing": ("invoice", "charged", "refund", "payment"),
    "shipping": ("parcel", "courier", "delivery", "late"),
    OUT_OF_SCOPE: ("weather", "poem", "football", "recipe"),
}
_FILLER = ("please", "my", "the", "again", "today", "help", "with", "is")


@dataclass(frozen=True)
class Made:
    texts: list[str]
    labels: list[str]
    vectors: np.ndarray


def make(per_label: int = 30, *, out_of_scope: int = 0, seed: int = 0, noise: float = 0.35) -> Made:
    draws = np.random.default_rng(seed)
    counts = {"access": per_label, "billing": per_label, "shipping": per_label}
    if out_of_scope:
        counts[OUT_OF_SCOPE] = out_of_scope
    texts: list[str] = []
    labels: list[str] = []
    for label, count in counts.items():
        for row in range(count):
            said = [*draws.choice(_WORDS[label], 2), *draws.choice(_FILLER, 4)]
            texts.append(" ".join(draws.permutation(said)) + f" {label[:1]}{row}")
            labels.append(label)
    return Made(texts, labels, vectors_for(labels, seed=seed, noise=noise))


def vectors_for(labels: list[str], *, seed: int, noise: float) -> np.ndarray:
    """Unit vectors around one fixed centre a label."""
    names = sorted(_WORDS)
    centres = np.random.default_rng(99).normal(size=(len(names), DIMENSIONS))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    found = centres[[names.index(label) for label in labels]]
    found = found + noise * np.random.default_rng(seed + 1).normal(size=found.shape)
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


class WordEmbedder:
    """Embeds by the label whose words a text holds; counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def __call__(self, texts: tuple[str, ...]) -> Embeddings:
        self.batches.append(len(texts))
        labels = [self._label(text) for text in texts]
        rows = vectors_for(labels, seed=len(self.batches), noise=0.2)
        return Embeddings(
            rows=tuple(row.astype("<f4").tobytes() for row in rows),
            dimensions=DIMENSIONS,
            usage=TokenUsage(input=len(texts)),
        )

    def _label(self, text: str) -> str:
        hits = {label: sum(word in text for word in words) for label, words in _WORDS.items()}
        return max(hits, key=lambda label: hits[label])
