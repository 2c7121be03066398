"""The operation `policy.simulate`: what other rules would change about recorded decisions."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import msgspec

from befit.audit import Event, EventType
from befit.catalog import problems_as_error, read_policy_files
from befit.errors import InvalidRequest
from befit.gateway.operations.entitled import require
from befit.gateway.operations.ledger.moment import moment
from befit.gateway.operations.ledger.reading import Reading, record_reading
from befit.gateway.operations.ledger.searching import MOST, all_pages
from befit.gateway.operations.measuring.case_file import absolute_path
from befit.gateway.operations.operation import OpDocument, OpParams, long_operation
from befit.identity import Principal
from befit.metering import DecisionPage, DecisionRow
from befit.platform import Platform
from befit.policy import (
    Action,
    Change,
    Policy,
    PolicyReading,
    changes,
    kept_rules,
    read_policies,
    situation_from,
)
from befit.settings import examine_workspace
from befit.vocabulary import Progress

_LISTED = 200
_MOST_VERSIONS = 8
"""Versions of rules held at once: decisions come in the order of time, and so do they."""

_SITUATION = "situation"
_ASKER = "asker"
_TOLD = (EventType.RESERVED, EventType.CLOSED, EventType.WAITING)


class SimulateParams(OpParams, frozen=True, kw_only=True):
    """Which decisions are put to which rules.

    `policies` is the whole path of a folder of `*.cedar` files that stand for the
    workspace's own; without it, the workspace's files are taken as they are now.
    """

    since: str
    policies: str | None = None


class ChangeDocument(OpDocument, frozen=True, kw_only=True):
    """One model of one decision that would fare otherwise. `answered`: it gave the answer."""

    decision_id: str
    at: float | None
    who: str | None
    workflow: str | None
    model: str
    answered: bool
    before: str
    after: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]


class ChangeGroup(OpDocument, frozen=True, kw_only=True):
    """Like changes counted together."""

    workflow: str | None
    model: str
    before: str
    after: str
    rules: tuple[str, ...]
    decisions: int
    people: int


class SimulationDocument(OpDocument, frozen=True, kw_only=True):
    """What would change.

    Attributes:
        policy: the hash of the rules that were tried.
        decisions: how many were recorded in the time.
        replayed: how many of them tell their situation, and so could be tried.
        changed: how many of those would fare otherwise.
        unknown_policy: of how many the rules they were made under are not kept, or for
            another schema; those are compared with the rules in force.
        groups: all changes, the most frequent first.
        changes: one by one, the newest decisions first, as many as `listed_at_most`.
    """

    policy: str
    since: float | None
    decisions: int
    replayed: int
    changed: int
    unknown_policy: int
    groups: tuple[ChangeGroup, ...]
    changes: tuple[ChangeDocument, ...]
    listed_at_most: int = _LISTED


async def simulate(
    platform: Platform, principal: Principal, params: SimulateParams, progress: Progress
) -> SimulationDocument:
    """Put recorded decisions to changed rules; nothing is taken up.

    Raises:
        Forbidden: the principal may not audit.
        WorkspaceError: the rules are wrong; names the first problem.
    """
    require(platform, principal, Action.AUDIT, "simulate a policy on the decisions of others")
    since = moment(params.since, "since")
    reading = await asyncio.to_thread(_changed_rules, platform, params)
    if reading.rules is None:
        raise problems_as_error(reading.problems)
    replay = _Replay(platform, principal.tenant, Policy(reading.rules).aside())
    page = DecisionPage(tenant=principal.tenant, limit=MOST, since=since)
    async for rows in all_pages(platform, page):
        for row in rows:
            await replay.add(row)
            progress("replaying", replay.decisions, 0)
    told = {"since": since, "policy": reading.rules.version, "decisions": replay.decisions}
    await record_reading(
        platform, principal, Reading.SEARCH, subject="decisions", told={**told, "for": "simulation"}
    )
    return replay.document(since)


_Like = tuple[str | None, str, str, str, tuple[str, ...]]
"""What like changes have in common: workflow, model, before, after, rules."""


@dataclass(slots=True)
class _Count:
    decisions: int = 0
    people: set[str | None] = field(default_factory=set[str | None])


class _Tally:
    """Changes counted as they come: only the first are kept, however many there are."""

    def __init__(self) -> None:
        self.first: list[ChangeDocument] = []
        self.decisions = 0
        self._counts: defaultdict[_Like, _Count] = defaultdict(_Count)

    def add(self, row: DecisionRow, workflow: str | None, found: Iterable[Change]) -> None:
        """Count what would change about one decision."""
        some = False
        for change in found:
            some = True
            each = _change_document(row, workflow, change)
            count = self._counts[workflow, each.model, each.before, each.after, each.rules]
            count.decisions += 1
            count.people.add(each.who)
            if len(self.first) < _LISTED:
                self.first.append(each)
        self.decisions += some

    def groups(self) -> tuple[ChangeGroup, ...]:
        """All of them, the most frequent first."""
        groups = [
            ChangeGroup(
                workflow=workflow,
                model=model,
                before=before,
                after=after,
                rules=rules,
                decisions=count.decisions,
                people=len(count.people),
            )
            for (workflow, model, before, after, rules), count in self._counts.items()
        ]
        return tuple(sorted(groups, key=lambda group: -group.decisions))


class _Replay:
    """Decisions put to other rules, one after another, beside the policy that serves."""

    def __init__(self, platform: Platform, tenant: str, after: Policy) -> None:
        self._platform = platform
        self._tenant = tenant
        self._after = after
        self._now = platform.policy.aside()
        self._before: OrderedDict[str, Policy | None] = OrderedDict()
        self._tally = _Tally()
        self.decisions = 0
        self._replayed = 0
        self._unknown = 0

    async def add(self, row: DecisionRow) -> None:
        """Replay one decision, if it tells its situation."""
        self.decisions += 1
        events = await self._platform.projector.events_of(self._tenant, row.decision_id)
        told = next(_told(events), None)
        if told is None:
            return
        recorded, asker, policy = told
        who = row.principal_id or "unknown"
        try:
            catalog = self._platform.catalog.current.of(self._tenant)
            situation = situation_from(recorded, catalog, principal_id=who, asker=asker)
        except InvalidRequest:
            return
        self._replayed += 1
        before = await self._version(policy)
        if before is None:
            self._unknown += 1
            before = self._now
        self._tally.add(row, situation.workflow, changes(situation, before, self._after))

    async def _version(self, version: str) -> Policy | None:
        """The policy of that hash, from what is kept; None where it cannot be had."""
        if version == self._now.hash:
            return self._now
        if version not in self._before:
            kept = await self._platform.stores.policies.get(version)
            rules = kept_rules(kept.content) if kept else None
            self._before[version] = Policy(rules).aside() if rules else None
            if len(self._before) > _MOST_VERSIONS:
                self._before.popitem(last=False)
        return self._before[version]

    def document(self, since: float | None) -> SimulationDocument:
        """What all of it comes to."""
        return SimulationDocument(
            policy=self._after.hash,
            since=since,
            decisions=self.decisions,
            replayed=self._replayed,
            changed=self._tally.decisions,
            unknown_policy=self._unknown,
            groups=self._tally.groups(),
            changes=tuple(self._tally.first),
        )


def _told(events: Iterable[Event]) -> Iterator[tuple[bytes, bytes, str]]:
    """Recorded situations, each with who asked and the hash of the policy that answered it."""
    for event in events:
        if event.type in _TOLD and event.fields is not None and _SITUATION in event.fields:
            asker = event.fields.get(_ASKER, msgspec.Raw(b"{}"))
            yield bytes(event.fields[_SITUATION]), bytes(asker), event.policy


def _changed_rules(platform: Platform, params: SimulateParams) -> PolicyReading:
    """The rules to be tried; blocks while it reads."""
    if params.policies is None:
        examination = examine_workspace(platform.workspace)
        return PolicyReading(rules=examination.rules, problems=examination.problems)
    folder = absolute_path(params.policies)
    try:
        files = read_policy_files(folder)
    except OSError as error:
        what = f"{folder} cannot be read ({error.strerror})"
        step = "name a folder of *.cedar files"
        raise InvalidRequest(what, param="policies", next_step=step) from None
    return read_policies(files, platform.settings.policy)


def _change_document(row: DecisionRow, workflow: str | None, change: Change) -> ChangeDocument:
    return ChangeDocument(
        decision_id=row.decision_id,
        at=row.opened_at,
        who=row.principal_id,
        workflow=workflow,
        model=change.model,
        answered=change.model == row.model,
        before=change.before,
        after=change.after,
        rules=change.rule_ids,
        reasons=change.reasons,
    )


OPERATIONS = (long_operation("policy.simulate", SimulateParams, simulate),)
