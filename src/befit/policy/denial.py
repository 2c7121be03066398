"""`Denial`: why something is not permitted: the rule that says so and its sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from befit.policy.engine import Answer
from befit.policy.reason import sentence
from befit.policy.rules import Rule

NO_PERMIT = "policy/no-permit"
"""What decisions name where no rule permits."""

ENGINE = "policy/engine"
"""What decisions name where a question could not be put to the rules at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Denial:
    """One rule that denies, and what users read of it."""

    rule_id: str
    reason: str


def denials(
    answer: Answer, rules: Mapping[str, Rule], facts: Mapping[str, str], *, otherwise: str
) -> Iterator[Denial]:
    """Why an answer is no permission; `otherwise` is the sentence where no rule permits."""
    if answer.failed:
        for rule_id in answer.failed:
            known = rule_id if rule_id in rules else ENGINE
            yield failure(known)
        return
    for rule_id in answer.rule_ids:
        template = rules[rule_id].reason or f"rule {rule_id} forbids it"
        yield Denial(rule_id=rule_id, reason=sentence(template, facts, rule_id))
    if not answer.rule_ids:
        yield Denial(rule_id=NO_PERMIT, reason=f"{otherwise} (no rule permits it)")


def failure(rule_id: str = ENGINE) -> Denial:
    """What users read where a rule, or all of them, could not be evaluated."""
    what = "the rules could not be asked" if rule_id == ENGINE else f"rule {rule_id} failed"
    return Denial(rule_id=rule_id, reason=f"{what}, and what fails denies (see the server's log)")
