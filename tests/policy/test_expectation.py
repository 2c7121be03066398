"""A company's table of expected decisions: read strictly, tried on the rules, told row by row."""

from __future__ import annotations

import pytest

from befit.catalog import Requirements, Workflow
from befit.policy import (
    DEFAULT_SETS,
    Policy,
    PolicyChoice,
    differences,
    read_expectations,
    read_policies,
)
from befit.vocabulary import DataClass, Impact, Zone
from tests.policy.made_up import card, catalog

_CATALOG = catalog(
    card(Zone.DEVICE, name="near"),
    card(Zone.EXTERNAL, name="far"),
    triage=Workflow(name="triage", version="1"),
    advice=Workflow(name="advice", version="1", impact=Impact.HIGH, models=("near", "person")),
    notes=Workflow(
        name="notes",
        version="1",
        data_class=DataClass.RESTRICTED,
        requirements=Requirements(zones=frozenset({Zone.DEVICE})),
    ),
)
_POLICY = Policy(read_policies({}, PolicyChoice(packaged=(*DEFAULT_SETS, "redaction"))).rules)
_HOLDING = """
expectations:
  - {workflow: triage, model: far, class: public, expect: permitted}
  - {workflow: triage, model: far, class: internal, expect: denied, rule: policy/no-permit}
  - name: what was found is replaced
    workflow: triage
    model: far
    class: confidential
    redacted_class: public
    expect: redacted
    rule: redaction/public-anywhere
  - {workflow: triage, class: internal, expect: permitted}
  - {workflow: advice, class: public, expect: person, rule: impact/high-needs-a-person}
  - {workflow: notes, model: far, expect: denied, rule: sovereignty/restricted-inside}
  - {who: {roles: [auditor]}, workflow: triage, expect: denied}
  - {who: {workflows: [notes]}, workflow: triage, expect: denied, rule: system/key-workflows}
  - {who: {roles: [auditor]}, action: export, expect: permitted}
  - {who: {roles: [admin]}, action: activate, model: far, expect: permitted}
  - {who: {roles: [builder]}, action: activate, workflow: triage, expect: denied}
  - {who: {groups: [ward]}, action: retrieve, collection: records, expect: permitted}
  - {who: {roles: [auditor]}, action: retrieve, collection: records, expect: denied}
"""


def differing(text: str, *, file: str = "expected.yaml") -> list[str]:
    rows, problems = read_expectations(file, text.encode())
    assert problems == ()
    return [f"{each.row.title}: {each.sentence}" for each in differences(rows, _POLICY, _CATALOG)]


def test_a_table_that_holds_has_no_difference():
    assert differing(_HOLDING) == []


@pytest.mark.parametrize("word", ["permitted", "redacted", "person", "denied"])
def test_each_row_can_fail(word: str):
    rows, _ = read_expectations("expected.yaml", _HOLDING.encode())
    for row in rows:
        expectation = row.expectation
        may_be = ("permitted", "denied") if expectation.action != "invoke" else (word,)
        for other in may_be:
            if other == expectation.expect:
                continue
            changed = expectation.model_copy(update={"expect": type(expectation.expect)(other)})
            row_changed = type(row)(expectation=changed, line=row.line)
            assert list(differences((row_changed,), _POLICY, _CATALOG))


def test_a_difference_tells_row_outcome_and_rule():
    (told,) = differing(
        '{"name": "out", "workflow": "triage", "model": "far", "class": "restricted",'
        ' "expect": "permitted"}',
        file="expected.jsonl",
    )
    assert told.startswith("out: expected permitted, is denied: restricted data")
    assert "rule sovereignty/restricted-inside" in told
    (told,) = differing(
        "expectations:\n  - {workflow: triage, model: far, class: internal, expect: denied,"
        " rule: sovereignty/restricted-inside}"
    )
    assert told.startswith("line 2: is denied as expected, by policy/no-permit, not by sovereignty")


def test_a_row_about_what_is_not_there_is_a_difference_with_the_nearest_name():
    (told,) = differing("expectations: [{workflow: triag, expect: permitted}]")
    assert "no workflow 'triag'" in told
    assert "did you mean 'triage'?" in told


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("e.yaml", "expectations: [{expct: denied}]", ("expct", "did you mean 'expect'?")),
        ("e.yaml", "expectations: [{expect: maybe}]", ("expectations[0].expect",)),
        ("e.yaml", "expectations: []", ("no expectation",)),
        ("e.yaml", "expectations: [{action: audit, expect: person}]", ("only invoke can be",)),
        ("e.yaml", "expectations: [{action: send_raw, expect: denied}]", ("action invoke",)),
        ("e.jsonl", '{"expect": "denied"}\n\n{"expect": 1}', ("(line 3)",)),
        ("e.jsonl", "nonsense", ("no JSON object", "(line 1)")),
    ],
)
def test_a_wrong_table_is_refused_where_it_stands(file: str, text: str, told: tuple[str, ...]):
    _, problems = read_expectations(file, text.encode())
    message = " ".join(map(str, problems))
    for part in told:
        assert part in message
