"""Policy answers for all candidates, and whatever goes wrong denies."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from befit.catalog import Stage, Workflow
from befit.identity import Principal, Role, local_administrator
from befit.policy import (
    DEFAULT_SETS,
    Action,
    ClassOrigin,
    Form,
    Inquiry,
    Policy,
    PolicyChoice,
    Resource,
    ResourceKind,
    default_policy,
    read_policies,
)
from befit.vocabulary import DataClass, Impact, Purpose, Tag, Zone
from tests.policy.made_up import card, situation

_ALLOWED = {
    DataClass.PUBLIC: set(Zone),
    DataClass.INTERNAL: {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD},
    DataClass.CONFIDENTIAL: {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD},
    DataClass.RESTRICTED: {Zone.DEVICE, Zone.ONPREM},
}
_POLICY = default_policy()


def policy_of(text: str = "", *, clock=None, **choice: object) -> Policy:
    """The default rules and a company's own."""
    files = {"policies/own.cedar": text.encode()} if text else {}
    reading = read_policies(files, PolicyChoice(**choice))
    assert reading.problems == ()
    return Policy(reading.rules, **({"clock": clock} if clock else {}))


def verdict_of(policy: Policy, asked, model=None):
    found = policy.decide(asked).by_model
    return found[model or asked.candidate_names[0]]


@given(st.sampled_from(DataClass), st.sampled_from(Zone))
def test_a_class_reaches_only_the_zones_that_may_hold_it(data_class: DataClass, zone: Zone):
    verdict = verdict_of(_POLICY, situation(data_class, card(zone)))
    assert verdict.permitted == (zone in _ALLOWED[data_class])


@given(st.sampled_from(Zone), st.sampled_from(DataClass))
def test_an_inspection_never_leaves_the_device(zone: Zone, data_class: DataClass):
    asked = situation(data_class, card(zone), purpose=Purpose.MATCH)
    if verdict_of(_POLICY, asked).permitted:
        assert zone is Zone.DEVICE


def test_a_rule_that_fails_denies_what_a_permit_allows_and_is_told(caplog):
    # 9223372036854775807 is the greatest Long, so adding to it fails for each such class.
    policy = policy_of(
        '@id("own/overflows") forbid (principal, action == Action::"invoke", resource)'
        " when { context.data_class + 9223372036854775807 < 0 };"
    )
    with caplog.at_level(logging.ERROR, "befit.policy"):
        denied = verdict_of(policy, situation(DataClass.INTERNAL, card()))
    assert not denied.permitted
    assert denied.rule_ids == ("own/overflows",)
    assert "own/overflows" in denied.reasons[0]
    assert "overflow" in caplog.text
    # The engine alone would have skipped it; where it can be evaluated, nothing is forbidden.
    assert verdict_of(policy, situation(DataClass.PUBLIC, card())).permitted


def test_a_situation_that_cannot_be_put_denies_every_candidate():
    nobody = replace(local_administrator(), id="\ud800")  # no text that JSON can hold
    asked = situation(DataClass.PUBLIC, card(), principal=nobody)
    verdict = verdict_of(_POLICY, asked)
    assert (verdict.permitted, verdict.unattended) == (False, False)
    assert verdict.rule_ids == ("policy/engine",)
    ruling = _POLICY.judge(Inquiry(principal=nobody, action=Action.ADMINISTER))
    assert (ruling.permitted, ruling.rule_ids) == (False, ("policy/engine",))


def test_the_reason_names_the_setting_behind_an_undeclared_class():
    asked = situation(DataClass.INTERNAL, card(Zone.EXTERNAL), class_origin=ClassOrigin.UNDECLARED)
    (reason,) = verdict_of(_POLICY, asked).reasons
    assert reason == (
        "internal data (undeclared_class in befit.yaml) may not go to zone external "
        "(no rule permits it)"
    )


def test_each_reason_ends_with_its_rule_and_is_filled_in():
    asked = situation(
        DataClass.RESTRICTED,
        card(Zone.EXTERNAL, jurisdiction="US"),
        zones=frozenset({Zone.DEVICE, Zone.ONPREM}),
        jurisdictions=frozenset({"DE"}),
    )
    verdict = verdict_of(_POLICY, asked)
    assert "workflow triage allows zones device, onprem, not external" in verdict.reasons[0]
    for reason, rule in zip(verdict.reasons, verdict.rule_ids, strict=True):
        assert reason.endswith(f"(rule {rule})")
        assert "{" not in reason


def test_a_retired_model_serves_nothing_and_a_proposed_one_only_evaluation():
    retired = card(Zone.DEVICE, stage=Stage.RETIRED)
    proposed = card(Zone.ONPREM, stage=Stage.PROPOSED)
    answer = _POLICY.decide(situation(DataClass.PUBLIC, retired, proposed))
    assert answer.permitted == ()
    evaluation = _POLICY.decide(
        situation(DataClass.PUBLIC, retired, proposed, purpose=Purpose.EVALUATION)
    )
    assert evaluation.permitted == (proposed.name,)


def test_an_unknown_jurisdiction_is_out_only_where_the_workflow_names_some():
    asked = situation(DataClass.PUBLIC, card(Zone.ONPREM))
    assert verdict_of(_POLICY, asked).permitted
    assert not verdict_of(_POLICY, replace(asked, jurisdictions=frozenset({"DE"}))).permitted


def test_a_key_limited_to_workflows_may_have_its_text_matched_but_only_they_answer():
    limited = replace(local_administrator(), workflows=frozenset({"triage"}))
    asked = situation(
        DataClass.PUBLIC, card(), principal=limited, purpose=Purpose.MATCH, workflow=None
    )
    assert verdict_of(_POLICY, asked).permitted
    for other in (None, "advice"):
        answering = situation(DataClass.PUBLIC, card(), principal=limited, workflow=other)
        assert not verdict_of(_POLICY, answering).permitted


def test_a_role_that_does_not_ask_gets_no_model():
    auditor = Principal(id="a", name="an auditor", roles=frozenset({Role.AUDITOR}))
    verdict = verdict_of(_POLICY, situation(DataClass.PUBLIC, card(), principal=auditor))
    assert not verdict.permitted
    assert "an auditor (roles: auditor) may not use models for answer" in verdict.reasons[0]


def test_an_answer_of_high_impact_waits_for_a_person_and_says_by_which_rule():
    verdict = verdict_of(_POLICY, situation(DataClass.PUBLIC, card(), impact=Impact.HIGH))
    assert (verdict.permitted, verdict.unattended) == (True, False)
    assert "impact/high-needs-a-person" in verdict.rule_ids
    assert verdict.person_reasons == (
        "an answer of high impact needs a person (rule impact/high-needs-a-person)",
    )


def test_what_may_not_go_raw_goes_redacted_as_far_as_what_remains_may_go():
    policy = policy_of(packaged=(*DEFAULT_SETS, "redaction"))
    outside = card(Zone.EXTERNAL)
    asked = situation(
        DataClass.RESTRICTED,
        outside,
        tags=frozenset({Tag.PCI}),
        redacted_class=DataClass.PUBLIC,
        can_redact=True,
    )
    assert verdict_of(policy, asked).form is Form.REDACTED
    assert not verdict_of(policy, replace(asked, can_redact=False)).permitted
    held = verdict_of(policy, replace(asked, redacted_class=DataClass.INTERNAL))
    assert not held.permitted
    assert any(reason.startswith("redacted it is internal data") for reason in held.reasons)
    # Without the set nothing is redacted, and raw is preferred wherever it is permitted.
    assert not verdict_of(_POLICY, asked).permitted
    assert (
        verdict_of(policy, situation(DataClass.PUBLIC, outside, can_redact=True)).form is Form.RAW
    )


def test_a_companys_permit_widens_and_no_permit_opens_what_is_forbidden():
    policy = policy_of(
        '@id("own/confidential-out") permit (principal in Group::"research",'
        ' action == Action::"send_raw", resource == Model::"model-external");'
    )
    researcher = replace(local_administrator(), groups=frozenset({"everyone", "research"}))
    outside = card(Zone.EXTERNAL)
    for who, data_class, permitted in (
        (researcher, DataClass.CONFIDENTIAL, True),
        (local_administrator(), DataClass.CONFIDENTIAL, False),
        (researcher, DataClass.RESTRICTED, False),
    ):
        asked = situation(data_class, outside, principal=who)
        assert verdict_of(policy, asked).permitted is permitted
    other = card(Zone.EXTERNAL, name="other")
    asked = situation(DataClass.CONFIDENTIAL, outside, other, principal=researcher)
    assert policy.decide(asked).permitted == (outside.name,)


def test_personal_data_stays_in_the_named_jurisdictions_and_on_the_device():
    policy = policy_of(personal_data_jurisdictions=frozenset({"DE"}))
    cards = (
        card(Zone.DEVICE),
        card(Zone.ONPREM, jurisdiction="DE"),
        card(Zone.PRIVATE_CLOUD, jurisdiction="US"),
    )
    asked = situation(DataClass.INTERNAL, *cards, tags=frozenset({Tag.PII}))
    assert policy.decide(asked).permitted == ("model-device", "model-onprem")
    assert len(policy.decide(replace(asked, tags=frozenset())).permitted) == 3


def test_a_verdict_is_reused_for_60_s_and_then_asked_again():
    now = [0.0]
    policy = policy_of(clock=lambda: now[0])
    asked = situation(DataClass.PUBLIC, card())
    first = policy.decide(asked)
    now[0] = 59.0
    assert policy.decide(replace(asked)) is first
    now[0] = 61.0
    assert policy.decide(asked) is not first


def test_what_is_asked_again_and_again_outlives_what_is_asked_once():
    policy = Policy(_POLICY.rules, most_seen=2)
    often = situation(DataClass.PUBLIC, card())
    first = policy.decide(often)
    for data_class in (DataClass.INTERNAL, DataClass.CONFIDENTIAL, DataClass.RESTRICTED):
        policy.decide(situation(data_class, card()))
        assert policy.decide(often) is first


def test_what_is_asked_aside_takes_no_place_in_the_memory_of_what_serves():
    policy = Policy(_POLICY.rules, most_seen=1)
    served = situation(DataClass.PUBLIC, card())
    first, aside = policy.decide(served), policy.aside()
    other = aside.decide(situation(DataClass.RESTRICTED, card(Zone.EXTERNAL)))
    assert not other.by_model["model-external"].permitted
    assert aside.hash == policy.hash
    assert policy.decide(served) is first


def test_another_card_of_the_same_name_is_another_question():
    asked = situation(DataClass.PUBLIC, card(Zone.EXTERNAL))
    assert verdict_of(_POLICY, asked).permitted
    retired = replace(asked.candidates[0], stage=Stage.RETIRED)
    assert not verdict_of(_POLICY, replace(asked, candidates=(retired,))).permitted
    assert not verdict_of(
        _POLICY, replace(asked, candidates=(retired,), catalog_version="2")
    ).permitted


_HOSTILE = st.text(st.characters(codec="utf-8"), max_size=30) | st.sampled_from(
    (
        '"',
        'x" == "x',
        "a::b",
        'Model::"m"',
        "\n",
        "\\",
        "\u202e",
        "__entity",
        "\x00",
        "né",
        "'",
        "blocked",
        "as:blocked",
    )
)


@settings(max_examples=150)
@given(name=_HOSTILE, group=_HOSTILE, workflow=_HOSTILE, place=_HOSTILE)
def test_hostile_names_mean_nothing(name: str, group: str, workflow: str, place: str):
    policy = _NAMING
    who = replace(local_administrator(), id=name, name=name, groups=frozenset({"everyone", group}))
    plain, named = card(Zone.ONPREM, jurisdiction="DE"), card(Zone.ONPREM, name=name)
    named = replace(named, jurisdiction=place)
    asked = situation(
        DataClass.PUBLIC,
        plain,
        named,
        principal=who,
        workflow=workflow,
        jurisdictions=frozenset({"DE", place}),
        catalog_version=name,
    )
    verdicts = policy.decide(asked)
    blocked = group == "blocked" or name == "as:blocked"
    assert [verdict.permitted for verdict in verdicts.by_model.values()] == [not blocked] * len(
        verdicts.by_model
    )
    resource = Resource(kind=ResourceKind.COLLECTION, name=name, owner=group)
    inquiry = Inquiry(principal=who, action=Action.RETRIEVE, resource=resource)
    own = (("own/blocked", group == "blocked"), ("own/blocked-person", name == "as:blocked"))
    forbids = {rule for rule, holds in own if holds}
    expected = forbids or {"baseline/readers-read-what-lists-admit"}
    assert set(policy.judge(inquiry).rule_ids) == expected


_NAMING = policy_of(
    '@id("own/blocked") forbid (principal in Group::"blocked", action, resource);'
    '@id("own/blocked-person") forbid (principal == Principal::"as:blocked", action, resource);'
)


@pytest.mark.parametrize(
    "action",
    [
        each
        for each in Action
        if each
        not in (Action.INVOKE, Action.INVOKE_UNATTENDED, Action.SEND_RAW, Action.SEND_REDACTED)
    ],
)
def test_every_other_action_takes_a_role_and_nobody_without_one_may(action: Action):
    nobody = Principal(id="n", name="nobody", roles=frozenset())
    ruling = _POLICY.judge(Inquiry(principal=nobody, action=action))
    assert not ruling.permitted
    assert ruling.reasons == (f"{action} is not for nobody (roles: none) (no rule permits it)",)


def test_who_may_is_told_by_role():
    nobody = Principal(id="n", name="nobody", roles=frozenset())
    may = {
        action: set(_POLICY.roles_that_may(Inquiry(principal=nobody, action=action)))
        for action in (
            Action.TRAIN_ON,
            Action.AUDIT,
            Action.EXPORT,
            Action.APPROVE,
            Action.ACTIVATE,
            Action.ADMINISTER,
        )
    }
    assert may == {
        Action.TRAIN_ON: {Role.BUILDER, Role.ADMIN},
        Action.AUDIT: {Role.AUDITOR, Role.ADMIN},
        Action.EXPORT: {Role.AUDITOR, Role.ADMIN},
        Action.APPROVE: {Role.REVIEWER, Role.ADMIN},
        Action.ACTIVATE: {Role.ADMIN},
        Action.ADMINISTER: {Role.ADMIN},
    }


def test_whom_a_workflow_names_may_approve_its_answers_and_no_others():
    mine = Workflow(name="w", version="1", reviewers=("group:risk",))
    theirs = Workflow(name="v", version="1")
    risk = Principal(id="p", name="p", groups=frozenset({"everyone", "risk"}))
    liar = Principal(id="q", name="group:risk")
    for who, workflow, permitted in (
        (risk, mine, True),
        (risk, theirs, False),
        (liar, mine, False),
    ):
        inquiry = Inquiry(
            principal=who, action=Action.APPROVE, resource=Resource.of_workflow(workflow)
        )
        assert _POLICY.judge(inquiry).permitted is permitted
