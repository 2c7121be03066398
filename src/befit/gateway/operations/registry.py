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
    "answering": ("ask", "route"),
    "runs": ("run", "runs.show"),
    "approvals": (
        "approvals.list",
        "approvals.show",
        "approvals.approve",
        "approvals.reject",
        "approvals.edit",
    ),
    "keys": ("keys.create", "keys.list", "keys.revoke"),
    "people": ("people.add", "people.list", "people.show", "people.set", "people.remove"),
    "groups": (
        "groups.add",
        "groups.list",
        "groups.show",
        "groups.add_member",
        "groups.remove_member",
        "groups.remove",
    ),
    "usage": ("usage",),
    "decisions": ("decisions.show", "decisions.list"),
    "knowledge_search": ("knowledge.search",),
    "search_file": ("knowledge.search_file",),
    "knowledge_why": ("knowledge.why",),
    "ingesting": ("ingest",),
    "collections": (
        "knowledge.list",
        "knowledge.show",
        "knowledge.remove",
        "knowledge.verify",
        "knowledge.rebuild",
    ),
    "feedback": ("feedback.give", "feedback.cases"),
    "administrative": ("events.show", "events.list"),
    "models": ("models.list",),
    "adding": ("models.propose", "models.add"),
    "lifecycle": (
        "models.promote",
        "models.retire",
        "models.rollback",
        "workflows.activate",
        "workflows.retire",
    ),
    "access": ("access",),
    "inventory": ("inventory",),
    "workflows": ("workflows.list", "workflows.show"),
    "auditing": ("audit.verify", "audit.checkpoint", "audit.rotate_key"),
    "proving": ("audit.prove",),
    "erasure": ("audit.erase", "audit.retain"),
    "exporting": ("audit.export",),
    "training": ("train",),
    "prediction": ("predict",),
    "detecting": ("detect",),
    "evaluating": ("evaluate",),
    "policy": ("policy.show",),
    "simulating": ("policy.simulate",),
    "reload": ("reload",),
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
