"""All operations by name. A room that offers another adds its line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from befit.errors import NotFound, nearest
from befit.gateway.operations.access import AccessParams, show_access
from befit.gateway.operations.adding import NewCard, add_model, propose_model
from befit.gateway.operations.administrative import EventId, EventQuery, list_events, show_event
from befit.gateway.operations.answering import Asked, ask, route
from befit.gateway.operations.approvals import (
    ApprovalId,
    ApprovalQuery,
    Decided,
    Edited,
    approve,
    edit,
    list_approvals,
    reject,
    show_approval,
)
from befit.gateway.operations.auditing import (
    VerifyParams,
    rotate_key,
    take_checkpoint,
    verify_ledger,
)
from befit.gateway.operations.card_proposal import CardRequest
from befit.gateway.operations.collections import (
    DocumentNamed,
    Removal,
    list_collections,
    rebuild_index,
    remove_documents,
    show_document,
    verify_index,
)
from befit.gateway.operations.decisions import DecisionId, list_decisions, show_decision
from befit.gateway.operations.erasure import ErasureParams, RetentionParams, erase, retain
from befit.gateway.operations.exporting import ExportParams, export
from befit.gateway.operations.feedback import (
    CasesWanted,
    FeedbackGiven,
    feedback_cases,
    give_feedback,
)
from befit.gateway.operations.groups import (
    GroupNamed,
    Membership,
    NewGroup,
    add_group,
    add_member,
    list_groups,
    remove_group,
    remove_member,
    show_group,
)
from befit.gateway.operations.inventory import take_inventory
from befit.gateway.operations.keys import KeyId, NewKey, create_key, list_keys, revoke_key
from befit.gateway.operations.knowledge_search import SearchParams, search
from befit.gateway.operations.knowledge_why import WhyParams, why
from befit.gateway.operations.lifecycle import (
    ItemName,
    ItemRelease,
    activate_workflow,
    promote_model,
    retire_model,
    retire_workflow,
    roll_back_model,
)
from befit.gateway.operations.models import list_models
from befit.gateway.operations.operation import (
    NoParams,
    Operation,
    OperationCall,
    document_json,
    late_operation,
    long_operation,
    operation,
)
from befit.gateway.operations.people import (
    NewPerson,
    PersonChange,
    PersonNamed,
    add_person,
    list_people,
    remove_person,
    set_person,
    show_person,
)
from befit.gateway.operations.policy import show_policy
from befit.gateway.operations.proving import ProveParams, prove
from befit.gateway.operations.reload import reload
from befit.gateway.operations.runs import RunLookup, RunRequest, run_locally, show_run
from befit.gateway.operations.searching import DecisionQuery
from befit.gateway.operations.simulating import SimulateParams, simulate
from befit.gateway.operations.usage import UsageParams, usage
from befit.gateway.operations.workflows import list_workflows, show_workflow

_ALL = (
    operation("ask", Asked, ask),
    operation("route", Asked, route),
    operation("run", RunRequest, run_locally),
    operation("runs.show", RunLookup, show_run),
    operation("approvals.list", ApprovalQuery, list_approvals),
    operation("approvals.show", ApprovalId, show_approval),
    operation("approvals.approve", Decided, approve),
    operation("approvals.reject", Decided, reject),
    operation("approvals.edit", Edited, edit),
    operation("keys.create", NewKey, create_key),
    operation("keys.list", NoParams, list_keys),
    operation("keys.revoke", KeyId, revoke_key),
    operation("people.add", NewPerson, add_person),
    operation("people.list", NoParams, list_people),
    operation("people.show", PersonNamed, show_person),
    operation("people.set", PersonChange, set_person),
    operation("people.remove", PersonNamed, remove_person),
    operation("groups.add", NewGroup, add_group),
    operation("groups.list", NoParams, list_groups),
    operation("groups.show", GroupNamed, show_group),
    operation("groups.add_member", Membership, add_member),
    operation("groups.remove_member", Membership, remove_member),
    operation("groups.remove", GroupNamed, remove_group),
    operation("usage", UsageParams, usage),
    operation("decisions.show", DecisionId, show_decision),
    operation("decisions.list", DecisionQuery, list_decisions),
    operation("knowledge.search", SearchParams, search),
    late_operation("knowledge.search_file", "befit.gateway.operations.search_file"),
    operation("knowledge.why", WhyParams, why),
    late_operation("ingest", "befit.gateway.operations.ingesting"),
    operation("knowledge.list", NoParams, list_collections),
    operation("knowledge.show", DocumentNamed, show_document),
    long_operation("knowledge.remove", Removal, remove_documents),
    operation("knowledge.verify", NoParams, verify_index),
    long_operation("knowledge.rebuild", NoParams, rebuild_index),
    operation("feedback.give", FeedbackGiven, give_feedback),
    operation("feedback.cases", CasesWanted, feedback_cases),
    operation("events.show", EventId, show_event),
    operation("events.list", EventQuery, list_events),
    operation("models.list", NoParams, list_models),
    operation("models.propose", CardRequest, propose_model),
    operation("models.add", NewCard, add_model),
    operation("models.promote", ItemRelease, promote_model),
    operation("models.retire", ItemName, retire_model),
    operation("models.rollback", ItemName, roll_back_model),
    operation("access", AccessParams, show_access),
    operation("inventory", NoParams, take_inventory),
    operation("workflows.list", NoParams, list_workflows),
    operation("workflows.show", ItemName, show_workflow),
    operation("workflows.activate", ItemRelease, activate_workflow),
    operation("workflows.retire", ItemName, retire_workflow),
    operation("audit.verify", VerifyParams, verify_ledger),
    operation("audit.checkpoint", NoParams, take_checkpoint),
    operation("audit.rotate_key", NoParams, rotate_key),
    operation("audit.prove", ProveParams, prove),
    operation("audit.erase", ErasureParams, erase),
    operation("audit.retain", RetentionParams, retain),
    long_operation("audit.export", ExportParams, export),
    late_operation("train", "befit.gateway.operations.training"),
    late_operation("predict", "befit.gateway.operations.prediction"),
    late_operation("detect", "befit.gateway.operations.detecting"),
    late_operation("evaluate", "befit.gateway.operations.evaluating"),
    operation("policy.show", NoParams, show_policy),
    long_operation("policy.simulate", SimulateParams, simulate),
    operation("reload", NoParams, reload),
)

OPERATIONS: Mapping[str, Operation] = MappingProxyType({each.name: each for each in _ALL})


async def perform_json(name: str, params: Mapping[str, object], call: OperationCall) -> bytes:
    """Perform an operation; its document as JSON.

    Raises:
        NotFound: no such operation, with the nearest name.
        BefitError: as the operation raises it.
    """
    found = OPERATIONS.get(name)
    if found is None:
        raise NotFound(f"no operation {name!r}", next_step=nearest(name, OPERATIONS))
    return document_json(await found.perform(call, params))


async def perform(
    name: str, params: Mapping[str, object], call: OperationCall
) -> dict[str, object]:
    """Perform an operation in this process; its document as plain values, as the control
    socket hands it over. Raises what `perform_json` raises."""
    return msgspec.json.decode(await perform_json(name, params, call), type=dict[str, object])
