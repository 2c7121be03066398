"""The rules on the command line: shown, tested against a company's own table, tried out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Shell

_CLOSED = (
    '@id("house/no-far") @reason("{model} is closed") forbid (principal,'
    ' action == Action::"invoke", resource == Model::"far");\n'
)


@pytest.fixture
def house(shell: Shell) -> Iterator[Path]:
    """A company's own file of rules, gone again after the test."""
    file = shell.folder / "policies" / "house.cedar"
    file.parent.mkdir(exist_ok=True)
    yield file
    file.unlink(missing_ok=True)


def test_rules_are_listed_and_shown(shell: Shell) -> None:
    listed = shell("policy", "list").out
    assert "sovereignty/restricted-inside" in listed
    assert "packaged sovereignty:" in listed
    shown = shell("policy", "show", "impact/high-needs-a-person").out
    assert 'context.impact == "high"' in shown
    assert "policy list" in shell("policy", "show", "impact/none", code=2).err


def test_a_table_is_tested_on_the_files_as_they_are(shell: Shell, house: Path) -> None:
    table = shell.folder / "expected.yaml"
    table.write_text(
        "expectations:\n"
        "  - {name: far answers, workflow: colour, model: far, class: public, expect: permitted}\n"
    )
    done = shell("policy", "test", str(table), "--json").json
    assert (done["ok"], done["rows"], done["differences"]) == (True, 1, [])
    house.write_text(_CLOSED)
    failed = shell("policy", "test", str(table), code=1)
    assert "expected.yaml, far answers: expected permitted, is denied: far is closed" in failed.out
    assert "(rule house/no-far)" in failed.out
    document = shell("policy", "test", str(table), "--json", code=1).json
    assert document["differences"][0]["rules"] == ["house/no-far"]
    assert "cannot be read" in shell("policy", "test", "gone.yaml", code=2).err


def test_a_wrong_rule_stops_check_and_test_with_its_place(shell: Shell, house: Path) -> None:
    house.write_text(_CLOSED.replace("invoke", "invok"))
    checked = shell("check", code=1)
    assert "policies/house.cedar at house/no-far (line 1)" in checked.out
    assert "did you mean 'invoke'?" in checked.out
    (shell.folder / "e.yaml").write_text("expectations: [{expect: denied}]")
    assert "house/no-far" in shell("policy", "test", str(shell.folder / "e.yaml"), code=1).err


def test_a_simulation_prints_what_would_change_and_for_whom(shell: Shell) -> None:
    asked = shell("ask", "Which?", "--workflow", "colour", "--json").json
    draft = shell.folder / "draft"
    draft.mkdir()
    (draft / "house.cedar").write_text(_CLOSED)
    told = shell("policy", "simulate", "--since", "1h", "--policies", str(draft))
    assert asked["decision_id"] in told.out
    assert "permitted -> denied" in told.out
    assert "house/no-far" in told.out
    found = shell("policy", "simulate", "--since", "1h", "--policies", str(draft), "--json").json
    assert found["changed"] == 1
