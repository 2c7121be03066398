"""Passages to vectors: in batches that keep the embedder busy, each under its own permit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import numpy as np

from befit.errors import ModelFailure, Overloaded
from befit.knowledge.document import Document, StoredPassage
from befit.knowledge.index import titled
from befit.knowledge.index.passage import Vector
from befit.knowledge.ingestion.model import PassageModel
from befit.policy import ClassedText

AT_ONCE = 256
"""Texts a permit. The embedder fills its own batches from them, and ends well within the
time that a call may take."""

_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.5  # doubled each time: a model process that died is back within seconds


def text_of(document: Document, passage: StoredPassage) -> ClassedText:
    """A passage as it is examined and embedded."""
    return ClassedText(
        id=passage.passage_id,
        text=titled(document.title, passage.text),
        data_class=passage.data_class,
        tags=passage.tags,
    )


async def embed_texts(
    model: PassageModel,
    texts: Sequence[ClassedText],
    *,
    told: Callable[[int], None] | None = None,
) -> Vector:
    """A unit vector for each text, in order.

    Args:
        model: what embeds.
        texts: at least one.
        told: told how many more are done.

    Raises:
        Forbidden: policy does not let the embedder read one of them.
        ModelFailure: the embedder fails, and trying again did not help.
    """
    found: list[Vector] = []
    for start in range(0, len(texts), AT_ONCE):
        some = texts[start : start + AT_ONCE]
        vectors = await _embedded(model, some)
        if vectors.shape[0] != len(some) or not np.isfinite(vectors).all():
            raise ModelFailure(f"{model.embedder} gave no vector for each of {len(some)} texts")
        found.append(vectors)
        if told is not None:
            told(len(some))
    return np.concatenate(found)


async def _embedded(model: PassageModel, texts: Sequence[ClassedText]) -> Vector:
    pause_s = _FIRST_PAUSE_S
    for attempt in range(_ATTEMPTS):
        try:
            return await model.embedded(texts)
        except (ModelFailure, Overloaded) as error:
            if attempt == _ATTEMPTS - 1 or not error.retry:
                raise
        await asyncio.sleep(pause_s)
        pause_s *= 2
    raise AssertionError("unreachable")
