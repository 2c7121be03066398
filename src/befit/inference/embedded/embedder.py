"""The sentence embedder in process: `tokenizers` and `onnxruntime`, no torch."""

from __future__ import annotations

import hashlib
import secrets
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from tokenizers import Tokenizer

from befit.errors import ModelFailure
from befit.inference.embedded.dimensions import DIMENSIONS
from befit.inference.embedded.weights import Weights

GRAPH_VERSION = 1
"""Part of the cached graph's name: raise it when `graph.py` builds another one."""

_TOKENS_AT_ONCE = 2048
_BUILD_TIMEOUT_S = 120


@dataclass(frozen=True, kw_only=True, slots=True)
class Embedded:
    """Unit vectors, [n, dimensions], and how many tokens each text took."""

    vectors: NDArray[np.float32]
    tokens: NDArray[np.int64]


class _Session(Protocol):
    def run(
        self, output_names: None, input_feed: dict[str, NDArray[np.int64]]
    ) -> list[NDArray[np.float32]]: ...


class Embedder:
    """Texts to unit vectors. Blocking and CPU-bound: call it from a worker thread."""

    def __init__(self, weights: Weights, *, threads: int) -> None:
        self._tokenizer: Tokenizer = Tokenizer.from_file(str(weights.folder / "tokenizer.json"))
        window = weights.manifest.context_length or 256
        self._tokenizer.enable_truncation(window)  # pyright: ignore[reportUnknownMemberType]  # untyped **kwargs
        self._tokenizer.no_padding()
        self._session = _session(cached_graph(weights), threads=threads)

    def embed(self, texts: Sequence[str]) -> Embedded:
        """One vector a text, in the order given; what lies past the window is cut.

        Texts are run by length in batches of bounded size, so that a long one costs its
        neighbours no padding.
        """
        ids = [one.ids for one in self._tokenizer.encode_batch_fast(list(texts))]
        order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
        found = np.empty((len(ids), DIMENSIONS), np.float32)
        for rows in _batches(ids, order):
            found[rows] = self._run([ids[row] for row in rows])
        return Embedded(vectors=found, tokens=np.array([len(one) for one in ids], np.int64))

    def _run(self, texts: list[list[int]]) -> NDArray[np.float32]:
        longest = max(len(text) for text in texts)
        ids = np.zeros((len(texts), longest), np.int64)
        mask = np.zeros((len(texts), longest), np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        return self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]


def cached_graph(weights: Weights) -> Path:
    """The ONNX file built from `weights`, built now if it is not there or was changed.

    Raises:
        ModelFailure: the builder failed; carries what it said.
    """
    target = weights.folder / f"graph-{weights.sha256[:16]}-{GRAPH_VERSION}.onnx"
    sealed = target.with_suffix(".sha256")
    if target.is_file() and sealed.is_file() and _sha256(target) == sealed.read_text().strip():
        return target
    partial = target.with_suffix(f".{secrets.token_hex(4)}.part")
    # In a process of its own: the `onnx` package and the copies it makes take 300 MB,
    # which a process that serves for weeks would never give back.
    command = [sys.executable, "-P", "-m", "befit.inference.embedded.graph"]
    try:
        built = subprocess.run(  # noqa: S603 - this interpreter, own module
            [*command, str(weights.main), str(partial)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_BUILD_TIMEOUT_S,
            check=False,
        )
        if built.returncode != 0:
            said = built.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise ModelFailure(f"the graph of {weights.name!r} could not be built: {said}")
        sealed.write_text(_sha256(partial) + "\n")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _session(graph: Path, *, threads: int) -> _Session:
    api: Any = ort  # its options have no type information
    options = api.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would take the cores from the generator beside them.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return api.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _batches(texts: Sequence[Sequence[int]], order: Sequence[int]) -> list[list[int]]:
    batches: list[list[int]] = []
    rows: list[int] = []
    for row in order:
        if rows and (len(rows) + 1) * len(texts[row]) > _TOKENS_AT_ONCE:
            batches.append(rows)
            rows = []
        rows.append(row)
    if rows:
        batches.append(rows)
    return batches
