"""Every packaged rule against a plain reading of it, on random situations."""

from __future__ import annotations

from itertools import chain, combinations
from random import Random

import pytest

from befit.policy import (
    DEFAULT_SETS,
    PACKAGED_SETS,
    Policy,
    PolicyChoice,
    Verdict,
    read_policies,
)
from tests.policy.made_up import random_inquiry, random_situation
from tests.policy.plain_reading import Read, read, read_inquiry

_CHOICES = (
    PolicyChoice(),
    PolicyChoice(packaged=tuple(PACKAGED_SETS), personal_data_jurisdictions=frozenset({"DE"})),
    PolicyChoice(packaged=("baseline",)),
    PolicyChoice(packaged=(*DEFAULT_SETS, "redaction")),
    PolicyChoice(
        packaged=("sovereignty", "redaction"), personal_data_jurisdictions=frozenset({"FR"})
    ),
)


def _policy(choice: PolicyChoice) -> Policy:
    reading = read_policies({}, choice)
    assert not reading.problems
    return Policy(reading.rules)


def _as_read(verdict: Verdict) -> Read:
    if not verdict.permitted:
        return Read("denied", None, frozenset(verdict.rule_ids))
    return Read("permitted" if verdict.unattended else "person", verdict.form, frozenset())


def _compare(choices: tuple[PolicyChoice, ...], situations: int, seed: int) -> set[str]:
    """Compare on that many situations; every rule id that decided."""
    random, seen = Random(seed), set()
    policies = [(choice, _policy(choice)) for choice in choices]
    for number in range(situations):
        choice, policy = policies[number % len(policies)]
        asked = random_situation(random, candidates=1)
        for card in asked.candidates:
            verdict = policy.decide(asked).by_model[card.name]
            assert _as_read(verdict) == read(choice, asked, card), (choice, asked, card)
            seen |= set(verdict.rule_ids)
    return seen


def test_the_rules_say_what_a_plain_reading_of_them_says_in_20000_situations():
    seen = _compare(_CHOICES, situations=20_000, seed=20_000)
    asked_of_models = {
        rule.id
        for rule in _policy(_CHOICES[1]).rules.rules
        if rule.statement.concerns("invoke")
        or rule.statement.concerns("send_raw")
        or rule.statement.concerns("send_redacted")
        or rule.statement.concerns("invoke_unattended")
    }
    assert asked_of_models <= seen  # the situations reach every rule


def test_the_rules_say_of_anything_but_models_what_a_plain_reading_says():
    random, seen = Random(9), set()
    policies = [(choice, _policy(choice)) for choice in _CHOICES]
    for number in range(3_000):
        choice, policy = policies[number % len(policies)]
        asked = random_inquiry(random)
        ruling = policy.judge(asked)
        denials = frozenset() if ruling.permitted else frozenset(ruling.rule_ids)
        assert denials == read_inquiry(choice, asked), (choice, asked)
        seen |= denials
    assert {"system/scoped-keys", "system/training-purposes", "policy/no-permit"} <= seen


@pytest.mark.heavy
def test_every_choice_of_packaged_sets_says_what_a_plain_reading_says():
    sets = tuple(PACKAGED_SETS)
    chosen = chain.from_iterable(combinations(sets, size) for size in range(len(sets) + 1))
    choices = tuple(
        PolicyChoice(packaged=packaged, personal_data_jurisdictions=frozenset({"DE", "US"}))
        for packaged in chosen
    )
    _compare(choices, situations=60_000, seed=7)
