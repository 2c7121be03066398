"""`befit knowledge leak-test`: what it prints, when it fails, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import befit.cli.leak_test
from befit.catalog import write_template
from befit.cli.leak_test import LeakTestDocument, LeakTestPlan
from befit.cli.leak_test.canary import Access
from befit.cli.leak_test.report import leak_test_document
from befit.cli.leak_test.tally import Tally
from befit.cli.main import main
from befit.vocabulary import Progress
from tests.cli.conftest import Shell, needs_weights
from tests.cli.leak_test.canaries import BO, CY, canary, seen, tally_of

_NOBODY_READS = """
@id("company/nobody-reads")
forbid (principal, action == Action::"retrieve", resource);
"""


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    write_template(tmp_path / "work")
    return tmp_path / "work"


def test_it_plays_under_the_company_s_own_rules_and_touches_nothing_of_theirs(
    workspace: Path,
) -> None:
    needs_weights()
    (workspace / "policies").mkdir()
    (workspace / "policies" / "own.cedar").write_text(_NOBODY_READS)
    before = _content(workspace)
    document = Shell(workspace)("knowledge", "leak-test", "--checks", "60", "--json", code=1).json
    assert _content(workspace) == before
    assert document["checks"] >= 60
    assert document["checks"] == sum(document["surfaces"].values())
    assert document["leaks"] == 0
    assert document["findings"] == []
    # Nobody finds anything, so that nothing leaks proves nothing, and that is not called passed.
    assert not document["proves_something"]


def test_a_wrong_file_of_the_workspace_is_told_before_anything_is_played(workspace: Path) -> None:
    needs_weights()
    (workspace / "befit.yaml").write_text("detecton: {}\n")
    result = Shell(workspace)("knowledge", "leak-test", "--checks", "1", code=1)
    assert "detecton" in result.err


@pytest.mark.parametrize("leaks", [True, False])
def test_a_leak_is_told_and_fails_the_command(
    leaks: bool,
    workspace: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    planted = canary(Access(users=frozenset({BO.name})))
    tally = tally_of(planted)
    tally.judge(seen(planted.secret, BO, expected=frozenset({planted.secret})))
    tally.judge(seen(planted.secret if leaks else "nothing", CY))
    _play(monkeypatch, tally)
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(workspace), "knowledge", "leak-test"])
    assert ended.value.code == int(leaks)
    assert ("LEAK search: default/cy-reader sees" in capsys.readouterr().out) is leaks


@pytest.mark.heavy
@pytest.mark.timeout(400)
def test_five_thousand_checks_find_no_leak(workspace: Path) -> None:
    needs_weights()
    shell = Shell(workspace)
    with shell.start("knowledge", "leak-test", "--checks", "5000", "--json") as command:
        out, err = command.communicate(timeout=390)
    document = json.loads(out)
    assert document["findings"] == []
    assert (command.returncode, document["leaks"]) == (0, 0), err
    assert document["revocation_ms"]["late"] == 0


def _play(monkeypatch: pytest.MonkeyPatch, tally: Tally) -> None:
    async def played(plan: LeakTestPlan, progress: Progress) -> LeakTestDocument:
        progress("checks", 2, 2)
        return leak_test_document([tally], seed=plan.seed, seconds=1)

    monkeypatch.setattr(befit.cli.leak_test, "run_leak_test", played)


def _content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
