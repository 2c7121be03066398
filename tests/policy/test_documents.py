"""Rules about collections and documents: by collection, by class, by the name of one."""

from __future__ import annotations

import pytest

from befit.identity import Principal
from befit.policy import (
    Action,
    Inquiry,
    Policy,
    PolicyChoice,
    Resource,
    ResourceKind,
    RuleSet,
    read_policies,
)
from befit.vocabulary import DataClass

_RETRIEVE = 'principal, action == Action::"retrieve", resource is Document'

READER = Principal(id="person:P1", name="mara")


def rules(text: str = "") -> RuleSet:
    reading = read_policies({"policies/own.cedar": text.encode()}, PolicyChoice())
    assert reading.rules is not None, reading.problems
    return reading.rules


def may_retrieve(policy: Policy, name: str, collection: str, data_class: DataClass) -> bool:
    document = Resource(
        kind=ResourceKind.DOCUMENT, name=name, collection=collection, data_class=data_class
    )
    inquiry = Inquiry(principal=READER, action=Action.RETRIEVE, resource=document)
    return policy.judge(inquiry).permitted


def test_a_rule_about_a_collection_holds_for_its_documents() -> None:
    closed = '@id("own/hr") forbid (principal, action, resource in Collection::"hr");'
    policy = Policy(rules(closed))
    assert not may_retrieve(policy, "hr/pay.md", "hr", DataClass.PUBLIC)
    assert may_retrieve(policy, "hr/pay.md", "handbook", DataClass.PUBLIC)


def test_a_rule_about_a_class_holds_for_documents_of_it() -> None:
    closed = (
        '@id("own/secret") forbid (principal, action == Action::"retrieve", resource is Document)'
        " when { resource.data_class >= 3 };"
    )
    policy = Policy(rules(closed))
    assert not may_retrieve(policy, "hr/pay.md", "hr", DataClass.RESTRICTED)
    assert may_retrieve(policy, "hr/pay.md", "hr", DataClass.CONFIDENTIAL)


def test_a_rule_may_name_one_document() -> None:
    closed = '@id("own/one") forbid (principal, action, resource == Document::"hr/pay.md");'
    policy = Policy(rules(closed))
    assert not may_retrieve(policy, "hr/pay.md", "hr", DataClass.PUBLIC)
    assert may_retrieve(policy, "hr/leave.md", "hr", DataClass.PUBLIC)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", False),
        ('@id("a") forbid (principal, action, resource in Collection::"hr");', False),
        (f'@id("a") forbid ({_RETRIEVE});', False),
        ('@id("a") forbid (principal, action, resource == Document::"hr/pay.md");', True),
        ('@id("a") forbid (principal, action, resource == Document  ::\n "hr/pay.md");', True),
        ('@id("a") forbid (principal, action, resource == Document // x\n :: "hr/a");', True),
        (f'@id("a") forbid ({_RETRIEVE}) when {{ [Document::"a"].contains(resource) }};', True),
    ],
)
def test_it_is_known_whether_rules_speak_of_single_documents(text: str, names: bool) -> None:
    assert rules(text).names_documents is names
