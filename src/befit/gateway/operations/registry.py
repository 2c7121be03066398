"""All operations by name. A room that offers another adds its line here."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from befit.errors import NotFound, nearest
from befit.gateway.operations.adding import NewCard, add_model, propose_model
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
from befit.gateway.operations.auditing import verify_ledger
from befit.gateway.operations.card_proposal import CardRequest
from befit.gateway.operations.decisions import (
    DecisionId,
    DecisionQuery,
    list_decisions,
    show_decision,
)
from befit.gateway.operations.keys import KeyId, NewKey, create_key, list_keys, revoke_key
from befit.gateway.operations.models import list_models
from befit.gateway.operations.operation import (
    NoParams,
    Operation,
    OperationCall,
    document_json,
    late_operation,
    operation,
)
from befit.gateway.operations.reload import reload
from befit.gateway.operations.runs import RunLookup, RunRequest, run_locally, show_run
from befit.gateway.operations.usage import UsageParams, usage

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
    operation("usage", UsageParams, usage),
    operation("decisions.show", DecisionId, show_decision),
    operation("decisions.list", DecisionQuery, list_decisions),
    operation("models.list", NoParams, list_models),
    operation("models.propose", CardRequest, propose_model),
    operation("models.add", NewCard, add_model),
    operation("audit.verify", NoParams, verify_ledger),
    late_operation("train", "befit.gateway.operations.training"),
    late_operation("predict", "befit.gateway.operations.prediction"),
    late_operation("evaluate", "befit.gateway.operations.evaluating"),
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
