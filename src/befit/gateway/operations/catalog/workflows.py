"""Operations on workflows: list them, and show one as it is in force."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from befit.catalog import Workflow, content_of, release_of, stage_fault
from befit.errors import NotFound, nearest
from befit.gateway.operations.catalog.activation import (
    ActivatedDocument,
    evidence_by_model,
    last_act,
    shown_tenants,
)
from befit.gateway.operations.catalog.lifecycle import ItemName
from befit.gateway.operations.operation import NoParams, OpDocument, operation
from befit.identity import Principal
from befit.platform import Platform


class WorkflowDocument(OpDocument, frozen=True, kw_only=True):
    """One workflow.

    Attributes:
        version: the hash of what it says; decisions and evaluations name it.
        release: the hash of what is activated: `version`, and whose it is.
        stage_reason: why it does not serve; null where it does.
        last_act: who activated or retired it; null where nothing was recorded.
        evidence: what stands behind each model that it names.
    """

    name: str
    description: str
    owner: str
    stage: str
    stage_reason: str | None
    awaits_activation: bool
    version: str
    release: str
    impact: str
    data_class: str | None
    highest_class: str
    tags: tuple[str, ...]
    purposes: tuple[str, ...]
    tenants: tuple[str, ...]
    models: tuple[str, ...]
    evidence: dict[str, str]
    last_act: ActivatedDocument | None


class WorkflowList(OpDocument, frozen=True, kw_only=True):
    """The workflows that the principal's tenant and key may name, by name."""

    workflows: tuple[WorkflowDocument, ...]


class ShownWorkflow(WorkflowDocument, frozen=True, kw_only=True):
    """One workflow with all that its file says, as JSON."""

    content: msgspec.Raw


async def list_workflows(
    platform: Platform, principal: Principal, params: NoParams
) -> WorkflowList:
    """Every workflow that the principal may name, with its stage and what stands behind it."""
    del params
    usable = usable_workflows(platform, principal)
    return WorkflowList(workflows=tuple(_document(platform, principal, each) for each in usable))


async def show_workflow(
    platform: Platform, principal: Principal, params: ItemName
) -> ShownWorkflow:
    """One workflow with its content.

    Raises:
        NotFound: no such workflow, for this principal.
    """
    usable = {each.name: each for each in usable_workflows(platform, principal)}
    workflow = usable.get(params.name)
    if workflow is None:
        hint = nearest(params.name, usable) or "`befit workflows list` lists them"
        raise NotFound(f"no workflow {params.name!r}", next_step=hint)
    shown = replace(workflow, tenants=frozenset(shown_tenants(principal, workflow)))
    return ShownWorkflow(
        **msgspec.structs.asdict(_document(platform, principal, workflow)),
        content=msgspec.Raw(content_of(shown).encode()),
    )


def usable_workflows(platform: Platform, principal: Principal) -> tuple[Workflow, ...]:
    """The workflows that a principal's tenant has and its key may name, by name."""
    workflows = platform.catalog.current.of(principal.tenant).workflows
    scope = principal.workflows
    return tuple(each for name, each in sorted(workflows.items()) if not scope or name in scope)


def _document(platform: Platform, principal: Principal, workflow: Workflow) -> WorkflowDocument:
    data_class = workflow.data_class
    return WorkflowDocument(
        name=workflow.name,
        description=workflow.description,
        owner=workflow.owner,
        stage=workflow.stage,
        stage_reason=stage_fault(workflow),
        awaits_activation=workflow.awaits_activation,
        version=workflow.version,
        release=release_of(workflow),
        impact=workflow.impact,
        data_class=None if data_class is None else data_class.word,
        highest_class=workflow.requirements.highest_class.word,
        tags=tuple(sorted(workflow.tags)),
        purposes=tuple(sorted(workflow.purposes)),
        tenants=shown_tenants(principal, workflow),
        models=workflow.models,
        evidence=evidence_by_model(
            platform.shelf.evidence_of(principal.tenant),
            workflow,
            platform.catalog.current.of(principal.tenant),
        ),
        last_act=last_act(platform, principal, workflow),
    )


OPERATIONS = (
    operation("workflows.list", NoParams, list_workflows),
    operation("workflows.show", ItemName, show_workflow),
)
