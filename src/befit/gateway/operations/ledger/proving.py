"""The operation `audit.prove`: a self-contained proof of a decision or of the ledger's growth."""

from __future__ import annotations

import asyncio

from befit.audit import Claim, Event, EventPointer, NoteError, Proof, given_notes, reaches
from befit.errors import InvalidRequest, NotFound
from befit.gateway.operations.entitled import may_read, require
from befit.gateway.operations.ledger.events import ADMINISTRATIVE, administrative_event
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.identity import Principal
from befit.orchestrator import decision_id_of
from befit.platform import Platform
from befit.policy import Action


class ProveParams(OpParams, frozen=True, kw_only=True):
    """What to prove.

    Attributes:
        id: a decision's id or its run's, or an administrative event's; None proves the growth
            of the ledger alone.
        shows_caller: whether the section that says who is disclosed.
        checkpoints: the text of a file of checkpoints that whoever reads the proof holds;
            the newest one is linked to it.
    """

    id: str | None = None
    shows_caller: bool = True
    checkpoints: str | None = None


class ProofDocument(OpDocument, frozen=True, kw_only=True):
    """A proof, as `befit_verify.py` reads it once it is written to a file."""

    proof: Proof


async def prove(platform: Platform, principal: Principal, params: ProveParams) -> ProofDocument:
    """Prove that a decision's events are in the ledger as they are shown.

    Raises:
        Forbidden: the growth of the ledger is proved to who may audit.
        NotFound: no such decision, for this principal.
        InvalidRequest: neither a decision nor a checkpoint is named, or the latter is not
            this ledger's.
        LedgerUnavailable: the reading cannot be recorded, or no checkpoint be written.
    """
    held = _newest(platform, params.checkpoints)
    if params.id is None:
        require(platform, principal, Action.AUDIT, "prove how the ledger grew")
        if held is None:
            raise InvalidRequest(
                "nothing to prove", next_step="name a decision, or a checkpoint that you hold"
            )
    decision = () if params.id is None else await _decision(platform, principal, params.id)
    keys = platform.ledger.keys
    is_enough = (
        held
        and decision
        and keys.is_current(held)
        and reaches(keys.open_heads(held), [each for each, _ in decision])
    )
    claim = Claim(
        decision=decision,
        shows_caller=params.shows_caller,
        checkpoint=held if held and is_enough else await platform.checkpointer.take(),
        since=None if is_enough else held,
    )
    try:
        return ProofDocument(proof=await asyncio.to_thread(platform.prover.prove, claim, keys))
    except ValueError as error:
        raise InvalidRequest(
            f"the checkpoint that was given is not of this ledger as it stands: {error}",
            next_step="run `befit audit verify --from` it",
        ) from None


async def _decision(
    platform: Platform, principal: Principal, given: str
) -> tuple[tuple[Event, EventPointer], ...]:
    """The decision's events with where they lie; reading another's is recorded first."""
    if given.startswith(ADMINISTRATIVE):
        event = await administrative_event(platform, principal, given)
        return await _placed(platform, (event,))
    decision_id = decision_id_of(given) if given.startswith("run_") else given
    tenant = principal.tenant
    record = await platform.record(tenant, decision_id)
    workflow = record.workflow.name if record.workflow else None
    if not may_read(platform, principal, record.principal_id, workflow):
        raise NotFound(f"no decision {given!r}")
    if record.principal_id != principal.id:
        told = {"as": "proof"}
        await record_reading(platform, principal, Reading.DECISION, subject=decision_id, told=told)
    return await _placed(platform, await platform.projector.events_of(tenant, decision_id))


async def _placed(
    platform: Platform, events: tuple[Event, ...]
) -> tuple[tuple[Event, EventPointer], ...]:
    of = (events[0].tenant, events[0].decision_id)
    pointers = await platform.stores.decisions.events_of(*of)
    places = {(each.log, each.index): each for each in pointers}
    return tuple((event, places[event.log, event.index]) for event in events)


def _newest(platform: Platform, checkpoints: str | None) -> str | None:
    if checkpoints is None:
        return None
    newest = given_notes(checkpoints)[-1].note
    try:
        platform.ledger.keys.open_heads(newest)
    except NoteError as error:
        raise InvalidRequest(
            f"the checkpoint that was given is not this ledger's: {error}", param="checkpoints"
        ) from None
    return newest


OPERATIONS = (operation("audit.prove", ProveParams, prove),)
