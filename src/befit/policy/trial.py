"""Trying expectations on a policy: what it says, and where that is not what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from befit.catalog import Catalog, ModelCard, Workflow
from befit.errors import NotFound
from befit.identity import Principal
from befit.policy.classification import ClassOrigin
from befit.policy.decide import Policy
from befit.policy.expectation import Expectation, Outcome, Row
from befit.policy.situation import (
    Action,
    Form,
    Inquiry,
    Resource,
    ResourceKind,
    Situation,
    Verdict,
    workflow_facts,
)
from befit.vocabulary import DataClass

_BEST_FIRST = (Outcome.PERMITTED, Outcome.REDACTED, Outcome.PERSON, Outcome.DENIED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """What a policy says to one expectation.

    Attributes:
        reasons: why not permitted, or why a person.
    """

    outcome: Outcome
    rule_ids: tuple[str, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One row that does not hold, in one sentence."""

    row: Row
    said: Said | None
    sentence: str


def differences(rows: Iterable[Row], policy: Policy, catalog: Catalog) -> Iterator[Difference]:
    """The rows whose expectation does not hold under the policy."""
    for row in rows:
        try:
            said = ask(row.expectation, policy, catalog)
        except NotFound as error:
            hint = f"; {error.next_step}" if error.next_step else ""
            yield Difference(row=row, said=None, sentence=f"{error.message}{hint}")
            continue
        sentence = _difference(row.expectation, said)
        if sentence is not None:
            yield Difference(row=row, said=said, sentence=sentence)


def ask(expectation: Expectation, policy: Policy, catalog: Catalog) -> Said:
    """What a policy says to the question of an expectation.

    Raises:
        NotFound: the catalog has no such workflow or model.
    """
    workflow = catalog.find_workflow(expectation.workflow) if expectation.workflow else None
    card = catalog.find_card(expectation.model) if expectation.model else None
    if expectation.action is not Action.INVOKE:
        return _judged(expectation, policy, workflow, card)
    cards = (card,) if card else _candidates(workflow, catalog)
    if not cards:
        return Said(outcome=Outcome.DENIED, rule_ids=(), reasons=("there is no model",))
    situation = _situation(expectation, workflow, cards, catalog)
    verdicts = policy.decide(situation).by_model.values()
    return min(map(_said, verdicts), key=lambda said: _BEST_FIRST.index(said.outcome))


def outcome_of(verdict: Verdict) -> Outcome:
    """A verdict in one word; a person comes before the form."""
    if not verdict.permitted:
        return Outcome.DENIED
    if not verdict.unattended:
        return Outcome.PERSON
    return Outcome.REDACTED if verdict.form is Form.REDACTED else Outcome.PERMITTED


def _said(verdict: Verdict) -> Said:
    return Said(
        outcome=outcome_of(verdict),
        rule_ids=verdict.rule_ids,
        reasons=verdict.reasons or verdict.person_reasons,
    )


def _candidates(workflow: Workflow | None, catalog: Catalog) -> tuple[ModelCard, ...]:
    named = workflow.model_order if workflow else ()
    return tuple(catalog.find_card(name) for name in named or catalog.cards)


def _judged(
    expectation: Expectation, policy: Policy, workflow: Workflow | None, card: ModelCard | None
) -> Said:
    resource = Resource()
    if expectation.collection is not None:
        resource = Resource(
            kind=ResourceKind.COLLECTION,
            name=expectation.collection,
            data_class=expectation.data_class,
            tags=frozenset(expectation.tags),
        )
    elif card is not None:
        resource = Resource.of_model(card)
    elif workflow is not None:
        resource = Resource.of_workflow(workflow)
    ruling = policy.judge(
        Inquiry(
            principal=_principal(expectation),
            action=expectation.action,
            resource=resource,
            hour=expectation.hour,
        )
    )
    outcome = Outcome.PERMITTED if ruling.permitted else Outcome.DENIED
    return Said(outcome=outcome, rule_ids=ruling.rule_ids, reasons=ruling.reasons)


def _principal(expectation: Expectation) -> Principal:
    who = expectation.who
    return Principal(
        id=who.name,
        name=who.name,
        tenant=who.tenant,
        roles=frozenset(who.roles),
        groups=who.all_groups,
        workflows=frozenset(who.workflows),
    )


def _situation(
    expectation: Expectation,
    workflow: Workflow | None,
    cards: tuple[ModelCard, ...],
    catalog: Catalog,
) -> Situation:
    least = (
        workflow.data_class if workflow and workflow.data_class is not None else DataClass.PUBLIC
    )
    tags = frozenset({*expectation.tags, *(workflow.tags if workflow else ())})
    return Situation(
        principal=_principal(expectation),
        purpose=expectation.purpose,
        data_class=max(expectation.data_class, least),
        class_origin=ClassOrigin.CALLER,
        tags=tags,
        redacted_class=expectation.redacted_class,
        redacted_tags=frozenset(expectation.redacted_tags),
        can_redact=expectation.redacted_class is not None,
        hour=expectation.hour,
        spend_band=expectation.spend_band,
        catalog_version=catalog.version,
        candidate_names=tuple(card.name for card in cards),
        candidates=cards,
        **workflow_facts(workflow),
    )


def _difference(expectation: Expectation, said: Said) -> str | None:
    why = f": {'; '.join(said.reasons)}" if said.reasons else ""
    if said.outcome is not expectation.expect:
        return f"expected {expectation.expect}, is {said.outcome}{why}"
    if expectation.rule is not None and expectation.rule not in said.rule_ids:
        rules = ", ".join(said.rule_ids) or "no rule"
        return f"is {said.outcome} as expected, by {rules}, not by {expectation.rule}{why}"
    return None
