"""Simulation: recorded situations put to other rules, and what that would change for whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from befit.policy.decide import Policy
from befit.policy.expectation import Outcome
from befit.policy.situation import Situation, Verdict
from befit.policy.trial import outcome_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What would change about one model in one situation.

    Attributes:
        rule_ids: the rules that bring the change: those that decide after it and did not
            before, or else did before and do not after.
        reasons: why it would not be permitted, or not without a person.
    """

    model: str
    before: Outcome
    after: Outcome
    rule_ids: tuple[str, ...]
    reasons: tuple[str, ...]


def changes(situation: Situation, before: Policy, after: Policy) -> Iterator[Change]:
    """What would change about each model of a situation."""
    was, becomes = before.decide(situation).by_model, after.decide(situation).by_model
    for model, now in becomes.items():
        then = was[model]
        old, new = outcome_of(then), outcome_of(now)
        if old is not new:
            yield Change(
                model=model,
                before=old,
                after=new,
                rule_ids=_bringing(then, now),
                reasons=now.reasons or now.person_reasons,
            )


def _bringing(then: Verdict, now: Verdict) -> tuple[str, ...]:
    new = tuple(rule for rule in now.rule_ids if rule not in then.rule_ids)
    return new or tuple(rule for rule in then.rule_ids if rule not in now.rule_ids)
