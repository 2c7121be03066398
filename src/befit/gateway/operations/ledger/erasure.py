"""Operations that destroy data keys: a person's erasure, and retention."""

from __future__ import annotations

import time

import msgspec

from befit.audit import Act, DueKeys, KeptDays
from befit.errors import Conflict
from befit.gateway.operations.entitled import require
from befit.gateway.operations.ledger.known import meant, require_somebody
from befit.gateway.operations.operation import OpDocument, OpParams, operation
from befit.gateway.operations.people.directory import key_of
from befit.identity import Principal, local_administrator
from befit.platform import Platform
from befit.policy import Action


class ErasureParams(OpParams, frozen=True, kw_only=True):
    """Whose data: a principal's id, or the name of a person."""

    who: str


class RetentionParams(OpParams, frozen=True, kw_only=True):
    """`dry_run` says what would be destroyed, and destroys nothing."""

    dry_run: bool = False


class ErasedDocument(OpDocument, frozen=True, kw_only=True):
    """What was erased. `pseudonym` is how the ledger goes on to name them."""

    pseudonym: str
    keys: tuple[str, ...]
    rows: int
    records: tuple[str, ...]


class DueDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Keys of one class and month whose time has come."""

    data_class: str
    month: str
    keys: int


class RetainedDocument(OpDocument, frozen=True, kw_only=True):
    """What retention destroyed, or would. `kept_days` is what `befit.yaml` says, by class."""

    dry_run: bool
    kept_days: dict[str, int]
    due: tuple[DueDocument, ...]
    rows: int
    records: tuple[str, ...]


async def erase(platform: Platform, principal: Principal, params: ErasureParams) -> ErasedDocument:
    """Destroy all data keys of a person and clear them from the database.

    Raises:
        Forbidden: the principal is no administrator.
        NotFound: nobody of that name is known; nothing is recorded then.
        Conflict: it is who asks, or the administrator of the machine; a key of theirs still
            works, an answer waits, or a request is under way.
    """
    require(platform, principal, Action.ADMINISTER, "erase a person's data")
    tenant, erasure = principal.tenant, platform.erasure
    (who,) = (await meant(platform, tenant, params.who)).principal_ids
    _require_another(principal, who)
    await require_somebody(platform, tenant, params.who)
    standing = await erasure.standing(tenant, who)
    for key in (*standing.key_ids, who):
        await _require_stopped(platform, tenant, key)
    report = await erasure.erase(tenant, who, _act(platform, principal.id))
    return ErasedDocument(
        pseudonym=erasure.pseudonym(tenant, who),
        keys=report.keys,
        rows=report.rows,
        records=report.records,
    )


async def retain(
    platform: Platform, principal: Principal, params: RetentionParams
) -> RetainedDocument:
    """Destroy the keys whose time has come, as `audit.retention` of `befit.yaml` says.

    Raises:
        Forbidden: the principal is no administrator.
    """
    require(platform, principal, Action.ADMINISTER, "apply retention")
    kept = platform.settings.audit.retention_days
    due = await platform.erasure.due(principal.tenant, kept)
    rows, records = 0, tuple[str, ...]()
    if not params.dry_run:
        act = _act(platform, principal.id)
        report = await platform.erasure.retain(principal.tenant, kept, act)
        rows, records = report.rows, report.records
    return RetainedDocument(
        dry_run=params.dry_run,
        kept_days=_worded(kept),
        due=tuple(_due(each) for each in due),
        rows=rows,
        records=records,
    )


async def retain_all(platform: Platform, by: str) -> int:
    """Apply retention for every tenant; how many records it took. What the server does daily.

    A tenant that `befit.yaml` no longer names is among them: its data are still here.
    """
    kept, records = platform.settings.audit.retention_days, 0
    if kept:
        for tenant in platform.erasure.tenants:
            report = await platform.erasure.retain(tenant, kept, _act(platform, by))
            records += len(report.records)
    return records


def _require_another(principal: Principal, who: str) -> None:
    """What an administrator did is an account of others' data, and stays."""
    if who == local_administrator().id:
        raise Conflict(
            f"{who} is the administrator of this machine, and no person whose data could go",
            next_step="name a person, a key, or who was given as --as",
        )
    if who == principal.id:
        raise Conflict(
            f"{principal.name} is who asks, and nobody erases themselves",
            next_step="have another administrator do it",
        )


async def _require_stopped(platform: Platform, tenant: str, which: str) -> None:
    """A key that still works goes on spending: what it has spent must stay counted."""
    key = await key_of(platform, tenant, which)
    if key is not None and key.fault(time.time()) is None:
        raise Conflict(
            f"the key {key.name} ({key.id}) still works",
            next_step=f"revoke it first: befit keys revoke {key.id}",
        )


def _act(platform: Platform, by: str) -> Act:
    return Act(by=by, policy=platform.policy.hash)


def _due(each: DueKeys) -> DueDocument:
    word = "undetermined" if each.data_class is None else each.data_class.word
    return DueDocument(data_class=word, month=each.month, keys=each.keys)


def _worded(kept: KeptDays) -> dict[str, int]:
    return {
        "undetermined" if data_class is None else data_class.word: days
        for data_class, days in kept.items()
    }


OPERATIONS = (
    operation("audit.erase", ErasureParams, erase),
    operation("audit.retain", RetentionParams, retain),
)
