"""Models that no rule tells apart get one answer; whatever else a rule does, they are asked."""

from __future__ import annotations

from random import Random

import pytest

from befit.policy import Policy, PolicyChoice, read_policies
from befit.policy.engine import parse_statement
from befit.policy.likeness import Look, alike, looked_at
from befit.vocabulary import DataClass
from tests.policy.made_up import random_card, situation

_ALL = "forbid (principal, action, resource"


@pytest.mark.parametrize(
    ("policy", "attributes", "names"),
    [
        (f"{_ALL});", set(), set()),
        (f"{_ALL}) when {{ context.hour > 3 }};", set(), set()),
        (f'{_ALL}) when {{ resource.zone == "x" || resource has y }};', {"zone", "y"}, set()),
        (
            f"{_ALL} is Model) when {{ resource.zone.contains(resource.size) }};",
            {"zone", "size"},
            set(),
        ),
        (f'{_ALL} == Model::"m");', set(), {"m"}),
        (f'{_ALL} in Model::"m");', set(), {"m"}),
        (f'{_ALL}) when {{ resource == Model::"m" && resource.zone == "x" }};', {"zone"}, {"m"}),
        (f'{_ALL}) when {{ resource != Model::"m" }};', set(), {"m"}),
        (f'{_ALL}) when {{ resource in [Model::"m", Model::"n"] }};', set(), {"m", "n"}),
    ],
)
def test_what_a_policy_looks_at(policy: str, attributes: set[str], names: set[str]):
    found = looked_at(parse_statement(policy).body)
    assert (found.attributes, found.names, found.whole) == (attributes, names, False)


@pytest.mark.parametrize(
    "policy",
    [
        f'{_ALL} is Model in Group::"m");',
        f"{_ALL}) unless {{ [resource].contains(resource) }};",
        f'{_ALL}) when {{ {{"a": resource}}.a.zone == "y" }};',
        f"{_ALL}) when {{ if resource in context.of then true else resource.b }};",
        f'{_ALL}) when {{ Model::"m" == resource }};',
        f"{_ALL}) when {{ resource is Model }};",
        f"{_ALL}) when {{ context.favourite == resource }};",
        f"{_ALL}) when {{ resource == context.favourite }};",
        f'{_ALL}) when {{ resource in [Model::"m", context.favourite] }};',
        f'{_ALL}) when {{ resource.hasTag("x") }};',
    ],
)
def test_what_is_not_understood_counts_as_looking_at_all_of_it(policy: str):
    assert looked_at(parse_statement(policy).body).whole


def test_items_alike_in_what_is_looked_at_are_one_group():
    facts = [{"zone": "a", "n": 1}, {"zone": "b"}, {"zone": "a", "n": 2}]

    def groups(look: Look) -> tuple[tuple[str, ...], ...]:
        return alike("xyz", ("X", "Y", "Z"), facts, look)

    assert groups(Look(attributes=frozenset({"zone"}))) == (("x", "z"), ("y",))
    assert groups(Look()) == (("x", "y", "z"),)
    assert groups(Look(attributes=frozenset({"n"}))) == (("x",), ("y",), ("z",))
    assert groups(Look(names=frozenset({"Z", "W"}))) == (("x", "y"), ("z",))
    assert groups(Look(whole=True)) == (("x",), ("y",), ("z",))


def test_many_models_fare_as_each_does_alone():
    reading = read_policies(
        {
            "policies/own.cedar": b'@id("own/m7") forbid (principal, action == Action::"invoke",'
            b' resource == Model::"m7");'
        },
        PolicyChoice(),
    )
    random = Random(3)
    for _ in range(40):
        cards = tuple(random_card(random, number) for number in range(12))
        together = Policy(reading.rules).decide(situation(DataClass.INTERNAL, *cards)).by_model
        for each in cards:
            alone = Policy(reading.rules).decide(situation(DataClass.INTERNAL, each)).by_model
            assert together[each.name] == alone[each.name]
        assert not together["m7"].permitted
