"""`auto`: matching a request to a workflow by meaning.

Each workflow is known by its example inputs (its description where it has none), as
unit vectors of the embedder on this device. A request goes to the workflow of the
nearest example if that is near enough; otherwise to the general assistant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from befit.catalog import Stage, Workflow

NEAR_ENOUGH = 0.45
"""Least cosine similarity to an example; below it the general assistant answers.

docs/decisions/0011 has the measurement behind it.
"""


def texts_to_match(workflow: Workflow) -> tuple[str, ...]:
    """What stands for a workflow's meaning; empty where it never takes part in `auto`."""
    if workflow.examples:
        return workflow.examples
    return (workflow.description,) if workflow.description else ()


class WorkflowMatcher:
    """Nearest-example matching over unit vectors.

    Args:
        vectors: one array [examples, dimensions] of unit float32 rows a workflow.
    """

    def __init__(self, vectors: Mapping[str, NDArray[np.float32]]) -> None:
        self._names = [name for name, rows in vectors.items() for _ in range(len(rows))]
        self._matrix = np.concatenate(list(vectors.values())) if vectors else None

    def match(self, vector: NDArray[np.float32]) -> tuple[str | None, float]:
        """The nearest workflow's name and its similarity; None where none is near enough."""
        if self._matrix is None or not self._names:
            return None, 0.0
        similarity = self._matrix @ vector
        best = int(np.argmax(similarity))
        score = float(similarity[best])
        return (self._names[best] if score >= NEAR_ENOUGH else None), score


def matched_by_meaning(workflows: Iterable[Workflow], general: str) -> tuple[Workflow, ...]:
    """The workflows that take part in `auto`: what serves and has texts, but the assistant.

    One whose collection each request has to name is found by naming a collection.
    """
    return tuple(
        flow
        for flow in workflows
        if flow.stage is Stage.APPROVED
        and flow.name != general
        and texts_to_match(flow)
        and (flow.knowledge is None or flow.knowledge.collections)
    )
