"""An index that hides what the ledger holds is found out, and made anew from the ledger."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from befit.catalog import Workspace
from befit.cli.ledger_at_rest import verify_at_rest
from befit.testing import ScriptedUpstream
from tests.cli.conftest import Served, Shell, make_workspace, serve

SOCKETS = shutil.ignore_patterns("*.sock")
OF_DECISION = "decision_id = ?"


def asked(shell: Shell) -> str:
    return str(shell("ask", "hi", "--workflow", "assistant", "--json").json["decision_id"])


def change(shell: Shell, statement: str, *values: object) -> int:
    """Change the database as who has the disk can; how many rows."""
    with sqlite3.connect(shell.folder / ".befit/befit.db") as database:
        changed = database.execute(statement, values).rowcount
    database.close()
    return changed


def query(shell: Shell, statement: str) -> tuple[Any, ...]:
    with sqlite3.connect(shell.folder / ".befit/befit.db") as database:
        row: tuple[Any, ...] = database.execute(statement).fetchone()
    database.close()
    return row


def hide(shell: Shell, decision: str, *tables: str) -> None:
    for table in tables:
        assert change(shell, f"DELETE FROM {table} WHERE {OF_DECISION}", decision) > 0


@pytest.fixture(scope="module")
def shell(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Shell:
    return make_workspace(tmp_path_factory.mktemp("indexed"), near, far)


@pytest.mark.parametrize(
    "statement",
    [
        f"DELETE FROM decisions WHERE {OF_DECISION}",
        f"DELETE FROM events WHERE {OF_DECISION}",
        f"DELETE FROM events WHERE type = 'closed' AND {OF_DECISION}",
        f"DELETE FROM calls WHERE {OF_DECISION}",
        f"UPDATE decisions SET opened_at = NULL WHERE {OF_DECISION}",
        f"UPDATE events SET tenant = 'nobody' WHERE {OF_DECISION}",
    ],
)
def test_any_row_that_hides_a_decision_is_missed(
    shell: Shell, tmp_path: Path, statement: str
) -> None:
    if not (shell.folder / ".befit").exists():
        asked(shell)
    copy = Shell(shutil.copytree(shell.folder, tmp_path / "copy"))
    whole = verify_at_rest(Workspace.at(copy.folder))
    assert whole["ok"] is True, whole
    (decision,) = query(copy, "SELECT max(decision_id) FROM decisions")
    assert change(copy, statement, decision) > 0
    (problem,) = verify_at_rest(Workspace.at(copy.folder))["problems"]
    assert "the index in befit.db does not hold 1 decisions" in problem
    assert f"of {decision}" in problem


def test_an_index_is_made_anew_from_the_ledger(shell: Shell) -> None:
    kept, hidden = asked(shell), asked(shell)
    spent = shell("usage", "--json").json
    hide(shell, hidden, "events", "calls", "decisions")
    found = shell("audit", "verify", "--json", code=1).json
    assert "run `befit audit reindex`" in found["problems"][0]
    rebuilt = shell("audit", "reindex", "--json").json
    assert rebuilt["found"] == found["problems"]
    assert shell("audit", "verify", "--json").json["ok"] is True
    listed = [row["decision_id"] for row in shell("audit", "search", "--json").json["decisions"]]
    assert listed[:2] == [hidden, kept]
    assert shell("usage", "--json").json == spent


def test_a_decision_that_the_index_makes_up_is_found_out(shell: Shell) -> None:
    asked(shell)
    change(
        shell,
        "INSERT INTO decisions (tenant, decision_id, opened_at, closed_at) "
        "VALUES ('default', 'dec_0', 1.0, 2.0)",
    )
    (problem,) = shell("audit", "verify", "--json", code=1).json["problems"]
    assert "1 decisions that the ledger does not hold" in problem
    shell("audit", "reindex")
    assert shell("audit", "verify", "--json").json["ok"] is True


def test_an_index_is_not_made_anew_from_a_ledger_that_is_not_whole(shell: Shell) -> None:
    hidden = asked(shell)
    hide(shell, hidden, "decisions")
    log = shell.folder / ".befit/ledger/0.log"
    whole = log.read_bytes()
    log.write_bytes(whole.replace(b'"type":"closed"', b'"type":"closes"', 1))
    refused = shell("audit", "reindex", code=1)
    assert "the ledger itself is not whole" in refused.err
    log.write_bytes(whole)
    assert "found" in shell("audit", "reindex", "--json").json


def test_beside_a_server_the_index_is_compared_and_not_made_anew(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    serving = serve(make_workspace(tmp_path, near, far))
    house: Served = next(serving)
    try:
        hidden = asked(house.shell)
        assert house.shell("audit", "verify", "--json").json["ok"] is True
        hide(house.shell, hidden, "decisions")
        found = house.shell("audit", "verify", "--json", code=1).json
        assert f"of {hidden}" in found["problems"][0]
        # What is on the disk now is what a crash would leave: rows in the database's journal.
        left = shutil.copytree(tmp_path, tmp_path.with_name("left"), ignore=SOCKETS)
        assert str(house.process.pid) in house.shell("audit", "reindex", code=1).err
    finally:
        next(serving, None)
    assert (left / ".befit/befit.db-wal").stat().st_size
    before = of_the_disk(left)
    (problem,) = verify_at_rest(Workspace.at(left))["problems"]
    assert f"of {hidden}" in problem
    assert of_the_disk(left) == before


def test_events_that_a_crash_kept_from_the_index_are_no_problem(
    shell: Shell, tmp_path: Path
) -> None:
    asked(shell)
    copy = Shell(shutil.copytree(shell.folder, tmp_path / "copy"))
    asked(shell)
    for folder in ("ledger", "sealed", "keys"):
        shutil.rmtree(copy.folder / ".befit" / folder)
        shutil.copytree(shell.folder / ".befit" / folder, copy.folder / ".befit" / folder)
    assert verify_at_rest(Workspace.at(copy.folder))["ok"] is True


def of_the_disk(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
