"""Hashed word and character n-grams: what a specialist reads beside the embedding.

An embedding sees meaning and misses wording; n-grams see wording. Hashing into a fixed
number of buckets needs no vocabulary, so an artefact holds weights and nothing of the
texts it was trained on. CRC-32 is stable across machines and versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

_WORDS = re.compile(r"\w+")
_WORD_LENGTHS = (1, 2)
_CHARACTER_LENGTHS = (3, 4)
_READ_CHARACTERS = 2_000  # about what the embedder's 256 tokens cover

Floats = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True, slots=True)
class NgramRows:
    """Sparse rows in CSR layout: row i is `starts[i]:starts[i + 1]` of the other two."""

    starts: NDArray[np.int64]
    buckets: NDArray[np.int64]
    values: Floats

    def __len__(self) -> int:
        return len(self.starts) - 1


def count_ngrams(texts: Sequence[str], buckets: int) -> NgramRows:
    """The n-grams of each text as damped counts, `1 + log(count)` by bucket."""
    starts = np.zeros(len(texts) + 1, dtype=np.int64)
    found: list[NDArray[np.int64]] = []
    values: list[NDArray[np.float64]] = []
    for row, text in enumerate(texts):
        hashes = [crc32(gram) % buckets for gram in _grams(text)]
        seen, counts = np.unique(np.asarray(hashes, dtype=np.int64), return_counts=True)
        found.append(seen)
        values.append(1.0 + np.log(counts))
        starts[row + 1] = starts[row] + len(seen)
    return NgramRows(
        starts=starts,
        buckets=np.concatenate(found) if found else np.empty(0, dtype=np.int64),
        values=(np.concatenate(values) if values else np.empty(0)).astype(np.float32),
    )


def weigh(rows: NgramRows, rarity: Floats) -> NgramRows:
    """The rows weighed by each bucket's `rarity` and scaled to length 1."""
    values = rows.values * rarity[rows.buckets]
    of_row = np.repeat(np.arange(len(rows)), np.diff(rows.starts))
    lengths = np.sqrt(np.bincount(of_row, weights=values * values, minlength=len(rows)))
    scaled = values / np.maximum(lengths, 1e-9)[of_row]
    return NgramRows(starts=rows.starts, buckets=rows.buckets, values=scaled.astype(np.float32))


def rarity_of(rows: NgramRows, buckets: int) -> Floats:
    """Smoothed inverse document frequency of each bucket over `rows`."""
    frequency = np.bincount(rows.buckets, minlength=buckets)
    return (np.log((1 + len(rows)) / (1 + frequency)) + 1).astype(np.float32)


def take(rows: NgramRows, chosen: NDArray[np.int64]) -> NgramRows:
    """The n-grams of the chosen rows, in their order."""
    parts = [slice(rows.starts[row], rows.starts[row + 1]) for row in chosen]
    lengths = np.diff(rows.starts)[chosen]
    return NgramRows(
        starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        buckets=np.concatenate([rows.buckets[part] for part in parts]),
        values=np.concatenate([rows.values[part] for part in parts]),
    )


def dot(rows: NgramRows, weights: Floats) -> Floats:
    """`rows @ weights`, for `weights` of one row a bucket."""
    product = np.zeros((len(rows), weights.shape[1]), dtype=np.float32)
    for row in range(len(rows)):
        part = slice(rows.starts[row], rows.starts[row + 1])
        product[row] = rows.values[part] @ weights[rows.buckets[part]]
    return product


def _grams(text: str) -> Iterator[bytes]:
    words = _WORDS.findall(text[:_READ_CHARACTERS].lower())
    for length in _WORD_LENGTHS:
        for start in range(len(words) - length + 1):
            yield " ".join(words[start : start + length]).encode()
    padded = f" {' '.join(words)} "
    for length in _CHARACTER_LENGTHS:
        for start in range(len(padded) - length + 1):
            yield padded[start : start + length].encode()
