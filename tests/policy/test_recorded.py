"""A recorded situation is the same question again, and tells nothing of who or what was said."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from befit.errors import InvalidRequest
from befit.policy import asker_fields, default_policy, situation_fields, situation_from
from tests.policy.made_up import catalog, random_situation

_POLICY = default_policy()


@given(st.integers(0, 2**32))
def test_a_situation_comes_back_as_it_was_recorded(seed: int):
    asked = random_situation(Random(seed), candidates=3)
    cards = catalog(*asked.candidates)
    asked = replace(asked, catalog_version=cards.version)
    recorded = msgspec.json.encode(situation_fields(asked))
    asker = msgspec.json.encode(asker_fields(asked))
    again = situation_from(recorded, cards, principal_id=asked.principal.id, asker=asker)
    who = replace(asked.principal, name=asked.principal.id)  # a name is not recorded
    assert again == replace(asked, principal=who)
    assert again.candidates == asked.candidates
    assert [v.rule_ids for v in _POLICY.decide(again).by_model.values()] == [
        v.rule_ids for v in _POLICY.decide(asked).by_model.values()
    ]
    assert asked.principal.id.encode() not in recorded
    assert len(recorded) < 900


def test_models_that_are_gone_are_left_out():
    asked = random_situation(Random(1), candidates=3)
    recorded = msgspec.json.encode(situation_fields(asked))
    again = situation_from(recorded, catalog(asked.candidates[1]), principal_id="p")
    assert again.candidate_names == (asked.candidates[1].name,)


@pytest.mark.parametrize(
    "recorded",
    [b"{}", b"[]", b"not json", b'{"models":[],"catalog":"1","data_class":9,"class_origin":"x"}'],
)
def test_what_is_no_situation_is_refused(recorded: bytes):
    with pytest.raises(InvalidRequest):
        situation_from(recorded, catalog(), principal_id="p")


def test_a_word_of_another_version_is_refused():
    fields = situation_fields(random_situation(Random(2)))
    for change in ({"class_origin": "elsewhere"}, {"tags": ("odd",)}):
        recorded = msgspec.json.encode(msgspec.structs.replace(fields, **change))
        with pytest.raises(InvalidRequest):
            situation_from(recorded, catalog(), principal_id="p")


def test_a_role_of_another_version_is_refused():
    recorded = msgspec.json.encode(situation_fields(random_situation(Random(2))))
    with pytest.raises(InvalidRequest):
        situation_from(recorded, catalog(), principal_id="p", asker=b'{"roles":["king"]}')
