"""Other rules on the same situation: what would change, and by which rule."""

from __future__ import annotations

from befit.policy import DEFAULT_SETS, Policy, PolicyChoice, changes, read_policies
from befit.vocabulary import DataClass, Impact, Zone
from tests.policy.made_up import card, situation


def _policy(text: str = "", **choice: object) -> Policy:
    files = {"policies/own.cedar": text.encode()} if text else {}
    return Policy(read_policies(files, PolicyChoice(**choice)).rules)


def _changes(asked, after: Policy, before: Policy | None = None) -> list[tuple[object, ...]]:
    return [
        (each.model, each.before, each.after, each.rule_ids)
        for each in changes(asked, before or _policy(), after)
    ]


def test_the_same_rules_change_nothing():
    asked = situation(DataClass.INTERNAL, card(), card(Zone.EXTERNAL))
    assert _changes(asked, _policy("// a comment changes the version, and nothing else\n")) == []


def test_a_forbid_and_a_permit_change_what_they_decide():
    asked = situation(DataClass.INTERNAL, card(), card(Zone.EXTERNAL))
    after = _policy(
        '@id("own/no-device") @reason("not here") forbid (principal, action == Action::"invoke",'
        ' resource) when { resource.zone == "device" };'
        '@id("own/out") permit (principal, action == Action::"send_raw", resource);'
    )
    assert _changes(asked, after) == [
        ("model-device", "permitted", "denied", ("own/no-device",)),
        (
            "model-external",
            "denied",
            "permitted",
            (
                "baseline/users-ask",
                "baseline/builders-try",
                "own/out",
                "baseline/unattended",
            ),
        ),
    ]
    (first, _) = changes(asked, _policy(), after)
    assert first.reasons == ("not here (rule own/no-device)",)


def test_a_rule_that_is_gone_is_named():
    asked = situation(DataClass.INTERNAL, card(), impact=Impact.HIGH)
    packaged = tuple(name for name in DEFAULT_SETS if name != "impact")
    ((model, before, after, rules),) = _changes(asked, _policy(packaged=packaged))
    assert (model, before, after) == ("model-device", "person", "permitted")
    assert rules == ("baseline/unattended",)
