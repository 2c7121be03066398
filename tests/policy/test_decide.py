"""Policy answers for all candidates, and whatever goes wrong denies."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.catalog import ModelCard, Stage, Via
from befit.identity import local_administrator
from befit.policy import DEFAULT_RULES, Action, ClassOrigin, Policy, Situation
from befit.vocabulary import DataClass, Impact, Purpose, SizeClass, Zone

_ALLOWED = {
    DataClass.PUBLIC: set(Zone),
    DataClass.INTERNAL: {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD},
    DataClass.CONFIDENTIAL: {Zone.DEVICE, Zone.ONPREM, Zone.PRIVATE_CLOUD},
    DataClass.RESTRICTED: {Zone.DEVICE, Zone.ONPREM},
}


def _card(zone: Zone, **changes: object) -> ModelCard:
    card = ModelCard(
        name=f"model-{zone}", family="f", size=SizeClass.LARGE, via=Via.OPENAI, zone=zone
    )
    return replace(card, **changes)


def _situation(data_class: DataClass, *cards: ModelCard, **changes: object) -> Situation:
    situation = Situation(
        principal=local_administrator(),
        action=Action.INVOKE,
        purpose=Purpose.ANSWER,
        workflow="triage",
        impact=Impact.LOW,
        data_class=data_class,
        class_origin=ClassOrigin.CALLER,
        tags=frozenset(),
        highest_class=DataClass.RESTRICTED,
        zones=frozenset(),
        jurisdictions=frozenset(),
        catalog_version="1",
        candidate_names=tuple(card.name for card in cards),
        candidates=cards,
    )
    return replace(situation, **changes)


@given(st.sampled_from(DataClass), st.sampled_from(Zone))
def test_a_class_reaches_only_the_zones_that_may_hold_it(data_class: DataClass, zone: Zone):
    card = _card(zone)
    verdict = Policy().decide(_situation(data_class, card)).by_model[card.name]
    assert verdict.permitted == (zone in _ALLOWED[data_class])


@given(st.sampled_from(Zone), st.sampled_from(DataClass))
def test_an_inspection_never_leaves_the_device(zone: Zone, data_class: DataClass):
    card = _card(zone)
    situation = _situation(data_class, card, purpose=Purpose.MATCH)
    if Policy().decide(situation).by_model[card.name].permitted:
        assert zone is Zone.DEVICE


def test_a_rule_that_raises_denies_and_is_logged_not_told(caplog: pytest.LogCaptureFixture):
    def broken(_situation: Situation, _card: ModelCard) -> str | None:
        raise KeyError("unexpected")

    card = _card(Zone.DEVICE)
    with caplog.at_level(logging.ERROR, "befit.policy"):
        verdicts = Policy((("broken", broken),)).decide(_situation(DataClass.PUBLIC, card))
    assert not verdicts.by_model[card.name].permitted
    assert verdicts.by_model[card.name].rule_ids == ("broken",)
    assert "KeyError" not in " ".join(verdicts.by_model[card.name].reasons)
    (record,) = caplog.records
    assert record.exc_info is not None


def test_the_reason_names_the_setting_behind_an_undeclared_class():
    card = _card(Zone.EXTERNAL)
    situation = _situation(DataClass.INTERNAL, card, class_origin=ClassOrigin.UNDECLARED)
    (reason,) = Policy().decide(situation).by_model[card.name].reasons
    assert "undeclared_class in befit.yaml" in reason


def test_a_retired_model_serves_nothing_and_a_proposed_one_only_evaluation():
    retired, proposed = (
        _card(Zone.DEVICE, stage=Stage.RETIRED),
        _card(Zone.ONPREM, stage=Stage.PROPOSED),
    )
    policy = Policy()
    answer = policy.decide(_situation(DataClass.PUBLIC, retired, proposed))
    assert answer.permitted == ()
    evaluation = policy.decide(
        _situation(DataClass.PUBLIC, retired, proposed, purpose=Purpose.EVALUATION)
    )
    assert evaluation.permitted == (proposed.name,)


def test_an_unknown_jurisdiction_is_out_only_where_the_workflow_names_some():
    card = _card(Zone.ONPREM)
    policy = Policy()
    assert policy.decide(_situation(DataClass.PUBLIC, card)).permitted
    limited = _situation(DataClass.PUBLIC, card, jurisdictions=frozenset({"DE"}))
    assert not policy.decide(limited).permitted


def test_a_verdict_is_reused_for_60_s_and_then_asked_again():
    now = [0.0]
    asked: list[str] = []

    def counting(_situation: Situation, card: ModelCard) -> str | None:
        asked.append(card.name)
        return None

    policy = Policy((("counting", counting),), clock=lambda: now[0])
    situation = _situation(DataClass.PUBLIC, _card(Zone.DEVICE))
    policy.decide(situation)
    now[0] = 59.0
    policy.decide(situation)
    assert len(asked) == 1
    now[0] = 61.0
    policy.decide(situation)
    assert len(asked) == 2


def test_another_catalog_version_is_another_question():
    policy = Policy()
    card = _card(Zone.EXTERNAL)
    assert policy.decide(_situation(DataClass.PUBLIC, card)).permitted
    retired = replace(card, stage=Stage.RETIRED)
    assert not policy.decide(_situation(DataClass.PUBLIC, retired, catalog_version="2")).permitted


def test_every_default_rule_has_an_id_of_its_own():
    ids = [rule_id for rule_id, _ in DEFAULT_RULES]
    assert len(ids) == len(set(ids))


def test_a_key_limited_to_workflows_may_have_its_text_matched_but_only_they_answer():
    limited = replace(local_administrator(), workflows=frozenset({"triage"}))
    card = _card(Zone.DEVICE)
    matching = _situation(
        DataClass.PUBLIC, card, principal=limited, purpose=Purpose.MATCH, workflow=None
    )
    assert Policy().decide(matching).permitted
    for other in (None, "advice"):
        answering = _situation(DataClass.PUBLIC, card, principal=limited, workflow=other)
        assert not Policy().decide(answering).permitted
