"""All operations by name. A room that offers another adds its name here.

Each stands in a module beside this one, which lists it in `OPERATIONS` and is imported by the
first call: a command loads what it uses, and a gateway what it serves.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from befit.errors import NotFound, nearest
from befit.gateway.operations.operation import (
    Operation,
    OperationCall,
    document_json,
    late_operation,
    offered,
)

MODULES: Mapping[str, tuple[str, ...]] = {
    "answering.asking": ("ask", "route"),
    "answering.runs": ("run", "runs.show"),
    "answering.approvals": (
        "approvals.list",
        "approvals.show",
        "approvals.approve",
        "approvals.reject",
        "approvals.edit",
    ),
    "people.keys": ("keys.create", "keys.list", "keys.revoke"),
    "people.people": ("people.add", "people.list", "people.show", "people.set", "people.remove"),
    "people.groups": (
        "groups.add",
        "groups.list",
        "groups.show",
        "groups.add_member",
        "groups.remove_member",
        "groups.remove",
    ),
    "ledger.usage": ("usage",),
    "ledger.decisions": ("decisions.show", "decisions.list"),
    "knowledge.search": ("knowledge.search",),
    "knowledge.search_file": ("knowledge.search_file",),
    "knowledge.why": ("knowledge.why",),
    "knowledge.ingesting": ("ingest",),
    "knowledge.collections": (
        "knowledge.list",
        "knowledge.show",
        "knowledge.remove",
        "knowledge.verify",
        "knowledge.rebuild",
    ),
    "knowledge.feedback": ("feedback.give", "feedback.cases"),
    "ledger.events": ("events.show", "events.list"),
    "catalog.models": ("models.list",),
    "catalog.adding": ("models.propose", "models.add"),
    "catalog.lifecycle": (
        "models.promote",
        "models.retire",
        "models.rollback",
        "workflows.activate",
        "workflows.retire",
    ),
    "policy.access": ("access",),
    "catalog.inventory": ("inventory",),
    "catalog.workflows": ("workflows.list", "workflows.show"),
    "ledger.auditing": ("audit.verify", "audit.checkpoint", "audit.rotate_key"),
    "ledger.proving": ("audit.prove",),
    "ledger.erasure": ("audit.erase", "audit.retain"),
    "ledger.exporting": ("audit.export",),
    "measuring.training": ("train",),
    "measuring.prediction": ("predict",),
    "policy.detecting": ("detect",),
    "measuring.evaluating": ("evaluate",),
    "policy.rules": ("policy.show",),
    "policy.simulating": ("policy.simulate",),
    "catalog.reload": ("reload",),
}
"""The operations that each module offers."""

_PLACES = {
    name: f"befit.gateway.operations.{module}"
    for module, names in MODULES.items()
    for name in names
}

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {name: late_operation(name, module) for name, module in _PLACES.items()}
)


def loaded_operation(name: str) -> Operation:
    """An operation as its module offers it, for who serves it and knows what it takes."""
    return offered(name, _PLACES[name])


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
