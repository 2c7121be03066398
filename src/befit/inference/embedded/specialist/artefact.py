"""`SpecialistArtefact`: a trained specialist as files, and how it classifies.

    artefact = SpecialistArtefact.load(path, "sha256:...")
    artefact.classify(vectors, texts)

It reads a text's embedding and its hashed n-grams with one linear model each, adds the
two by calibrated scales, and knows from a calibrated rule when to abstain. Only numpy
is needed, since it runs in the model process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from befit.errors import InvalidRequest
from befit.inference.embedded.specialist.files import (
    SpecialistDocument,
    read_artefact,
    write_artefact,
)
from befit.inference.embedded.specialist.ngrams import Floats, count_ngrams, dot, weigh
from befit.messages import LabelDistribution

_CHUNK = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class SpecialistArtefact:
    """A specialist of one workflow.

    Attributes:
        document: labels, embedder, calibration, abstention and training summary.
        weights: (dimensions + buckets, rows); a row a label, then one for out of scope
            where the specialist was trained with such cases.
        bias: (2, rows), of the embedding's model and of the n-grams' model.
        rarity: (buckets,), the weight of each n-gram bucket.
    """

    document: SpecialistDocument
    weights: Floats
    bias: Floats
    rarity: Floats

    @classmethod
    def load(cls, path: Path, expected: str) -> SpecialistArtefact:
        """Read an artefact whose every byte hashes to `expected` (`sha256:<hex>`).

        Raises:
            WorkspaceError: missing, changed, truncated, or not an artefact of this format.
        """
        files = read_artefact(path, expected)
        return cls(
            document=files.document, weights=files.weights, bias=files.bias, rarity=files.rarity
        )

    def save(self, artefacts: Path) -> str:
        """Write it below `artefacts` in a folder named by its hash; `sha256:<hex>`.

        The folder appears whole or not at all, and saving the same content again is a
        no-op.
        """
        return write_artefact(
            artefacts, self.document, weights=self.weights, bias=self.bias, rarity=self.rarity
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it decides among, out of scope not included."""
        return self.document.labels

    @property
    def embedder(self) -> str:
        """The embedder whose vectors it was trained on."""
        return self.document.embedder

    @property
    def knows_scope(self) -> bool:
        """Whether it was trained with out-of-scope cases, and so abstains by itself."""
        return self.document.abstention.out_of_scope

    @property
    def least_confidence(self) -> float | None:
        """Below it, without out-of-scope training, answers are more often wrong than right.

        None for a specialist that abstains by a doubt of its own.
        """
        return None if self.knows_scope else 1.0 - self.document.abstention.threshold

    def classify(
        self, vectors: NDArray[np.floating], texts: Sequence[str], *, abstain: bool | None = None
    ) -> tuple[LabelDistribution, ...]:
        """One calibrated distribution a text, most probable label first.

        Args:
            vectors: the texts' embeddings by `embedder`, one row each.
            texts: the same texts, for their n-grams.
            abstain: None abstains where trained with out-of-scope cases; True also
                below the confidence that was calibrated without any; False never.

        Raises:
            InvalidRequest: vectors of another embedder, or not one a text.
        """
        self._require_fit(vectors, texts)
        may_abstain = self.knows_scope if abstain is None else abstain
        found: list[LabelDistribution] = []
        for start in range(0, len(texts), _CHUNK):
            part = slice(start, start + _CHUNK)
            found.extend(self._classify_chunk(vectors[part], texts[part], may_abstain))
        return tuple(found)

    def _classify_chunk(
        self, vectors: NDArray[np.floating], texts: Sequence[str], may_abstain: bool
    ) -> list[LabelDistribution]:
        logits = self._logits(vectors.astype(np.float32), texts)
        inside = logits[:, : len(self.labels)]
        probabilities = softmax(inside)
        doubt = self.document.abstention.doubt(scope_features(logits, len(self.labels)))
        abstained = (doubt >= self.document.abstention.threshold) & may_abstain
        order: NDArray[np.int64] = np.argsort(-probabilities, axis=1, kind="stable")
        return [
            LabelDistribution(
                labels=tuple(self.labels[index] for index in cast("list[int]", ranked.tolist())),
                probabilities=tuple(row[ranked].tolist()),
                abstained=gave_up,
            )
            for row, ranked, gave_up in zip(probabilities, order, abstained.tolist(), strict=True)
        ]

    def _logits(self, vectors: Floats, texts: Sequence[str]) -> NDArray[np.float64]:
        document = self.document
        cut = document.dimensions
        logits = document.calibration.vectors * (vectors @ self.weights[:cut] + self.bias[0])
        if document.ngram_buckets:
            rows = weigh(count_ngrams(texts, document.ngram_buckets), self.rarity)
            logits += document.calibration.ngrams * (dot(rows, self.weights[cut:]) + self.bias[1])
        return logits.astype(np.float64)

    def _require_fit(self, vectors: NDArray[np.floating], texts: Sequence[str]) -> None:
        expected = (len(texts), self.document.dimensions)
        if vectors.shape != expected:
            raise InvalidRequest(
                f"vectors have shape {vectors.shape}, the specialist needs {expected}",
                next_step=f"embed with {self.embedder}, one row a text",
            )
        if not np.isfinite(vectors).all():
            raise InvalidRequest("vectors hold a number that is not finite")


def softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of each row, stable for large logits."""
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def scope_features(logits: NDArray[np.float64], n_labels: int) -> NDArray[np.float64]:
    """What the abstention rule reads, one row a text.

    The probability of the best label, the logarithm of what is left of it, and how far
    the out-of-scope row stands above all labels together (0 where there is none).
    """
    inside = logits[:, :n_labels]
    top = inside.max(axis=1)
    total = np.exp(inside - top[:, None]).sum(axis=1)
    best = 1.0 / total
    rest = np.log(np.maximum(1.0 - best, 1e-9))
    if logits.shape[1] > n_labels:
        above = logits[:, n_labels] - (top + np.log(total))
    else:
        above = np.zeros(len(logits))
    return np.stack([best, rest, above], axis=1)
