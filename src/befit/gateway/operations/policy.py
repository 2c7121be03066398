"""Operations on policy: the rules in force, and what other rules would change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import replace

from befit.audit import Event, EventType
from befit.catalog import problems_as_error, read_policy_files
from befit.errors import InvalidRequest
from befit.gateway.operations.case_file import absolute_path
from befit.gateway.operations.entitled import require
from befit.gateway.operations.moment import moment
from befit.gateway.operations.operation import NoParams, OpDocument, OpParams
from befit.gateway.operations.reading import Reading, record_reading
from befit.identity import Principal
from befit.metering import DecisionPage, DecisionRow
from befit.platform import Platform
from befit.policy import (
    Action,
    Change,
    Policy,
    PolicyReading,
    Rule,
    changes,
    kept_rules,
    read_policies,
    situation_from,
)
from befit.settings import examine_workspace
from befit.vocabulary import Progress

_PAGE = 500
_LISTED = 200
_SITUATION = "situation"
_TOLD = (EventType.RESERVED, EventType.CLOSED, EventType.WAITING)


class RuleDocument(OpDocument, frozen=True, kw_only=True):
    """One rule. `actions` is null where it is about every action."""

    id: str
    effect: str
    actions: tuple[str, ...] | None
    reason: str | None
    file: str
    line: int
    text: str


class PolicyDocument(OpDocument, frozen=True, kw_only=True):
    """The version in force and its rules, in the order of their files."""

    policy: str
    packaged: tuple[str, ...]
    personal_data_jurisdictions: tuple[str, ...]
    rules: tuple[RuleDocument, ...]


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


async def show_policy(platform: Platform, principal: Principal, params: NoParams) -> PolicyDocument:
    """The rules in force. Everybody may read the rules that they live under."""
    del params, principal
    rules = platform.policy.rules
    return PolicyDocument(
        policy=platform.policy.hash,
        packaged=rules.choice.packaged,
        personal_data_jurisdictions=tuple(sorted(rules.choice.personal_data_jurisdictions)),
        rules=tuple(map(_rule_document, rules.rules)),
    )


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
    replay = _Replay(platform, principal.tenant, Policy(reading.rules))
    async for row in _decisions(platform, principal.tenant, since):
        await replay.add(row)
        progress("replaying", replay.decisions, 0)
    told = {"since": since, "policy": reading.rules.version, "decisions": replay.decisions}
    await record_reading(
        platform, principal, Reading.SEARCH, subject="decisions", told={**told, "for": "simulation"}
    )
    return replay.document(since)


class _Replay:
    """Decisions put to other rules, one after another."""

    def __init__(self, platform: Platform, tenant: str, after: Policy) -> None:
        self._platform = platform
        self._tenant = tenant
        self._after = after
        self._before: dict[str, Policy | None] = {platform.policy.hash: platform.policy}
        self._found: list[ChangeDocument] = []
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
        recorded, policy = told
        who = row.principal_id or "unknown"
        try:
            situation = situation_from(
                recorded, self._platform.catalog.current.of(self._tenant), principal_id=who
            )
        except InvalidRequest:
            return
        self._replayed += 1
        before = await self._version(policy)
        if before is None:
            self._unknown += 1
            before = self._platform.policy
        self._found += [
            _change_document(row, situation.workflow, change)
            for change in changes(situation, before, self._after)
        ]

    async def _version(self, version: str) -> Policy | None:
        """The policy of that hash, from what is kept; None where it cannot be had."""
        if version not in self._before:
            kept = await self._platform.stores.policies.get(version)
            rules = kept_rules(kept.content) if kept else None
            self._before[version] = Policy(rules) if rules else None
        return self._before[version]

    def document(self, since: float | None) -> SimulationDocument:
        """What all of it comes to."""
        return SimulationDocument(
            policy=self._after.hash,
            since=since,
            decisions=self.decisions,
            replayed=self._replayed,
            changed=len({change.decision_id for change in self._found}),
            unknown_policy=self._unknown,
            groups=_groups(self._found),
            changes=tuple(self._found[:_LISTED]),
        )


def _told(events: Iterable[Event]) -> Iterator[tuple[bytes, str]]:
    """Recorded situations, each with the hash of the policy that answered it."""
    for event in events:
        if event.type in _TOLD and event.fields is not None and _SITUATION in event.fields:
            yield bytes(event.fields[_SITUATION]), event.policy


async def _decisions(
    platform: Platform, tenant: str, since: float | None
) -> AsyncGenerator[DecisionRow]:
    """All decisions since a time, the newest first."""
    await platform.projector.caught_up()
    page = DecisionPage(tenant=tenant, limit=_PAGE, since=since)
    while True:
        rows = await platform.stores.usage.decisions(page)
        for row in rows:
            yield row
        if len(rows) < _PAGE:
            return
        page = replace(page, before=rows[-1].decision_id)


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


def _rule_document(rule: Rule) -> RuleDocument:
    actions = rule.statement.actions
    return RuleDocument(
        id=rule.id,
        effect=rule.statement.effect,
        actions=None if actions is None else tuple(sorted(actions)),
        reason=rule.reason,
        file=rule.file,
        line=rule.line,
        text=rule.text,
    )


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


def _groups(found: Iterable[ChangeDocument]) -> tuple[ChangeGroup, ...]:
    groups: dict[tuple[str | None, str, str, str, tuple[str, ...]], list[ChangeDocument]] = {}
    for each in found:
        key = (each.workflow, each.model, each.before, each.after, each.rules)
        groups.setdefault(key, []).append(each)
    counted = [
        ChangeGroup(
            workflow=workflow,
            model=model,
            before=before,
            after=after,
            rules=rules,
            decisions=len(members),
            people=len({member.who for member in members}),
        )
        for (workflow, model, before, after, rules), members in groups.items()
    ]
    return tuple(sorted(counted, key=lambda group: -group.decisions))
