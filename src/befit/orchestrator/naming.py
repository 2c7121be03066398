"""Step "name the workflow": what the request names, or the workflow nearest by meaning."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from befit.catalog import Catalog, ModelCard, Workflow
from befit.errors import InvalidRequest, NotFound, PersonRequired, nearest
from befit.orchestrator.calls import NEXT_MODEL_MAY_HELP
from befit.orchestrator.inspection import Inspection, embedder_of
from befit.orchestrator.run import Run
from befit.routing import WorkflowMatcher, matched_by_meaning, texts_to_match
from befit.vocabulary import Impact

AUTO = "auto"
GENERAL = "assistant"
"""The workflow that `auto` falls to when nothing is near enough."""

DOCUMENTS = "ask-documents"
"""The workflow of a request that names a collection and nothing else."""

_WORKFLOW_PREFIX = "workflow:"
_MOST_MATCHERS = 32
"""Tenants have workflows of their own, and reloads leave old ones behind."""


class WorkflowNaming:
    """Finds the workflow or the model that a request is for."""

    def __init__(self, inspection: Inspection) -> None:
        self._inspection = inspection
        self._matchers: dict[str, WorkflowMatcher] = {}  # by the versions of their workflows

    async def name(self, run: Run) -> None:
        """Set the run's workflow or named model.

        Raises:
            NotFound: no such model or workflow, with the nearest name.
            InvalidRequest: the request names two different workflows.
            PersonRequired: a model is named for a workflow whose answers go to a person.
        """
        model, catalog = run.request.model, run.catalog
        named = _named_workflow(run)
        if named is None and model == AUTO and run.request.befit.collection is not None:
            named = DOCUMENTS
        if model == AUTO or model.startswith(_WORKFLOW_PREFIX):
            run.workflow = (
                catalog.find_workflow(named) if named is not None else await self._nearest(run)
            )
            return
        run.named_model = named_card(catalog, model)
        if named is not None:
            run.workflow = catalog.find_workflow(named)
            if run.workflow.impact is Impact.HIGH:
                raise PersonRequired(
                    f"workflow {named!r} has high impact: its answers go to a person",
                    next_step="ask without naming a model",
                    param="model",
                )

    async def _nearest(self, run: Run) -> Workflow:
        catalog = run.catalog
        taking_part = matched_by_meaning(catalog.workflows.values(), GENERAL)
        embedder = embedder_of(catalog)
        if taking_part and embedder is not None:
            try:
                matcher = await self._matcher_for(run, taking_part, embedder)
                (vector,) = await self._inspection.embed(run, embedder, (run.request.text,))
                name, _ = matcher.match(vector)
            except NEXT_MODEL_MAY_HELP:
                # Without the embedder nothing can be matched; the assistant is the safe reading.
                name = None
            if name is not None:
                return catalog.workflows[name]
        general = catalog.workflows.get(GENERAL)
        if general is None:
            raise NotFound(
                "no workflow matches this request, and there is no general one",
                next_step=f"name a workflow or add workflows/{GENERAL}.yaml",
                param="model",
            )
        return general

    async def _matcher_for(
        self, run: Run, taking_part: tuple[Workflow, ...], embedder: ModelCard
    ) -> WorkflowMatcher:
        versions = "\n".join(f"{flow.name} {flow.version}" for flow in taking_part)
        key = hashlib.sha256(versions.encode()).hexdigest()
        matcher = self._matchers.get(key)
        if matcher is None:
            texts = [texts_to_match(flow) for flow in taking_part]
            every = tuple(text for part in texts for text in part)
            rows = await self._inspection.embed(run, embedder, every)
            vectors: dict[str, NDArray[np.float32]] = {}
            start = 0
            for flow, part in zip(taking_part, texts, strict=True):
                vectors[flow.name] = rows[start : start + len(part)]
                start += len(part)
            matcher = WorkflowMatcher(vectors)
            if len(self._matchers) >= _MOST_MATCHERS:
                self._matchers.clear()
            self._matchers[key] = matcher
        return matcher


def _named_workflow(run: Run) -> str | None:
    model, option = run.request.model, run.request.befit.workflow
    prefixed = model.removeprefix(_WORKFLOW_PREFIX) if model.startswith(_WORKFLOW_PREFIX) else None
    if prefixed is not None and option is not None and prefixed != option:
        raise InvalidRequest(
            f"model names workflow {prefixed!r} and befit.workflow {option!r}", param="model"
        )
    return prefixed if prefixed is not None else option


def named_card(catalog: Catalog, name: str) -> ModelCard:
    """The card of that name, or NotFound with the nearest one."""
    card = catalog.cards.get(name)
    if card is None:
        known = [*catalog.cards, AUTO, *(_WORKFLOW_PREFIX + flow for flow in catalog.workflows)]
        raise NotFound(f"no model {name!r}", next_step=nearest(name, known), param="model")
    return card
