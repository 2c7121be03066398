"""The embedder through provider, socket and process: the real MiniLM."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import onnxruntime as ort
import pytest
from tokenizers import Tokenizer

from befit.errors import ModelFailure, Overloaded
from befit.inference.embedded.batching import EmbeddingQueue
from befit.inference.embedded.embedder import DIMENSIONS, Embedder
from befit.inference.embedded.graph import build_graph, read_safetensors
from befit.inference.embedded.weights import MINILM, located
from befit.messages import Embeddings

TEXTS = (
    "My card has not arrived yet.",
    "What is the exchange rate for euros today?",
    "The valve on line three leaks oil whenever the pressure rises above four bar.",
    "hello",
    "I was charged twice for the same train ticket, please give one payment back.",
    "Der Zug ist heute verspätet.",
)


def matrix(embeddings: Embeddings) -> np.ndarray:
    return np.frombuffer(b"".join(embeddings.rows), "<f4").reshape(-1, embeddings.dimensions)


def reference(texts: Sequence[str]) -> np.ndarray:
    """The fp32 graph, one text at a time: what quantising and batching are measured by."""
    weights = located(MINILM)
    graph = build_graph(read_safetensors(weights.main), quantised=False)
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(graph, options)
    tokenizer = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    rows = []
    for text in texts:
        ids = np.array([tokenizer.encode(text).ids])
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        rows.append(session.run(None, feed)[0][0])
    return np.array(rows)


async def test_vectors_are_unit_and_near_fp32(running, provider) -> None:
    found = matrix(await provider.embed(running.texts(*TEXTS)))
    assert found.shape == (len(TEXTS), DIMENSIONS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    cosines = (found * reference(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.98
    assert cosines.mean() > 0.99


async def test_meaning_is_nearer_than_words(running, provider) -> None:
    texts = ("My card has not arrived.", "I still wait for my debit card.", "The sun is hot.")
    card, debit, sun = matrix(await provider.embed(running.texts(*texts)))
    assert card @ debit > card @ sun + 0.3


async def test_a_vector_does_not_depend_on_who_else_asks(running, provider) -> None:
    alone = [matrix(await provider.embed(running.texts(text)))[0] for text in TEXTS]
    crowd = [running.texts(text, "noise " * n) for n, text in enumerate(TEXTS, start=1)]
    together = await asyncio.gather(*(provider.embed(call) for call in crowd))
    for one, embeddings in zip(alone, together, strict=True):
        assert one @ matrix(embeddings)[0] > 0.99999


async def test_rows_come_in_the_order_of_their_texts(running, provider) -> None:
    mixed = [f"{'very ' * (n * 7 % 40)}long text number {n}" for n in range(150)]
    found = matrix(await provider.embed(running.texts(*mixed)))
    for n in (0, 37, 77, 149):
        alone = matrix(await provider.embed(running.texts(mixed[n])))[0]
        assert alone @ found[n] > 0.99999


async def test_text_past_the_window_is_cut_and_not_counted(running, provider) -> None:
    long = await provider.embed(running.texts("word " * 1000))
    assert long.usage.input == 256


async def test_no_texts_give_no_vectors(running, provider) -> None:
    assert (await provider.embed(running.texts())).rows == ()


class _Counting(Embedder):
    """The real embedder, noting how many texts each run took."""

    def __init__(self) -> None:
        super().__init__(located(MINILM), threads=1)
        self.runs: list[int] = []

    def embed(self, texts):
        self.runs.append(len(texts))
        return super().embed(texts)


async def test_waiting_requests_share_a_batch(pulled) -> None:
    embedder = _Counting()
    queue = EmbeddingQueue(embedder)
    await asyncio.gather(*(queue.embed([f"text {n}"]) for n in range(40)))
    assert sum(embedder.runs) == 40
    assert len(embedder.runs) < 20
    queue.close()


async def test_one_text_does_not_wait_behind_a_bulk(pulled) -> None:
    embedder = _Counting()
    queue = EmbeddingQueue(embedder)
    bulk = asyncio.create_task(queue.embed([f"row {n}" for n in range(1000)]))
    while not embedder.runs:
        await asyncio.sleep(0)
    await queue.embed(["a query"])
    assert not bulk.done()
    assert queue.waiting > 500
    bulk.cancel()
    queue.close()


async def test_cancelled_texts_are_not_embedded(pulled) -> None:
    embedder = _Counting()
    queue = EmbeddingQueue(embedder)
    bulk = asyncio.create_task(queue.embed([f"row {n}" for n in range(1000)]))
    while not embedder.runs:
        await asyncio.sleep(0)
    bulk.cancel()
    await asyncio.wait([bulk])
    assert queue.waiting == 0
    await queue.embed(["another"])
    assert sum(embedder.runs) < 500
    queue.close()


async def test_a_full_queue_turns_texts_away(pulled) -> None:
    queue = EmbeddingQueue(Embedder(located(MINILM), threads=1), max_waiting_texts=200)
    first = asyncio.create_task(queue.embed([f"row {n}" for n in range(200)]))
    while not queue.waiting:
        await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await queue.embed([f"row {n}" for n in range(200)])
    assert (await first).vectors.shape == (200, DIMENSIONS)
    queue.close()


class _Failing(Embedder):
    """The real embedder, which fails on one text as a native library might."""

    def embed(self, texts):
        if "poison" in texts:
            raise MemoryError("native")
        return super().embed(texts)


async def test_a_failing_batch_fails_its_callers_and_the_queue_goes_on(pulled) -> None:
    queue = EmbeddingQueue(_Failing(located(MINILM), threads=1))
    with pytest.raises(ModelFailure, match="native"):
        await queue.embed(["poison"])
    assert (await queue.embed(["healthy"])).vectors.shape == (1, DIMENSIONS)
    queue.close()
