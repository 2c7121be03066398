"""The usage report: rows of the store, with the saving of each where one was asked for."""

from __future__ import annotations

from dataclasses import replace

from befit.metering.reference import Basis
from befit.metering.savings import saving
from befit.metering.usage import UsageQuery, UsageRow, UsageStore


async def report_usage(store: UsageStore, query: UsageQuery) -> tuple[UsageRow, ...]:
    """One row a group. Savings are set where the query names a reference.

    A reference that was run is compared within a row's workflow when rows are grouped by
    workflow, and over all its answers of the period otherwise.
    """
    rows = await store.usage(query)
    reference = query.reference
    if reference is None:
        return rows
    is_run = reference.basis is Basis.RUN
    costs = await store.costs_of(reference.card.name, query) if is_run else ()
    return tuple(replace(row, saving=saving(row, reference, costs)) for row in rows)
