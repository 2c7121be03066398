"""Searching, exporting and erasing on the command line, alone and beside a server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from befit.testing import ScriptedUpstream
from tests.cli.conftest import Served, Shell, make_workspace, serve


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Iterator[Served]:
    yield from serve(make_workspace(tmp_path_factory.mktemp("served"), near, far))


def asked_by(shell: Shell, who: str) -> str:
    return str(shell("ask", "Hello", "--model", "near", "--as", who, "--json").json["decision_id"])


def exercise(shell: Shell, out: Path) -> None:
    """Two people ask; one is searched for, exported and erased, and the other is left."""
    mine, theirs = asked_by(shell, "ann"), asked_by(shell, "bob")
    found = shell("audit", "search", "--who", "as:ann", "--since", "1h", "--json").json
    assert [row["decision_id"] for row in found["decisions"]] == [mine]
    page = shell("audit", "search", "--limit", "1", "--json").json
    assert page["next"] == page["decisions"][0]["decision_id"] == theirs
    assert mine in shell("audit", "search", "--before", page["next"]).out
    manifest = shell("audit", "export", "--out", str(out), "--who", "as:bob", "--json").json
    (line,) = (out / "decisions.jsonl").read_text().splitlines()
    assert manifest["decisions"] == 1
    assert json.loads(line)["decision_id"] == theirs
    asked = shell("audit", "erase", "--who", "as:ann", code=1)
    assert "nothing was erased: repeat with --yes" in asked.err
    erased = shell("audit", "erase", "--who", "as:ann", "--yes", "--json").json
    assert erased["keys"]
    record = shell("audit", "show", mine, "--json").json
    assert (record["principal_id"], record["erased_events"]) == (None, record["events"])
    assert shell("audit", "show", theirs, "--json").json["principal_id"] == "as:bob"
    assert "everything is kept" in shell("audit", "retain", "--dry-run").err
    verified = shell("audit", "verify", "--json").json
    assert (verified["ok"], verified["erased"]) == (True, record["events"])


def test_alone(shell: Shell, tmp_path: Path) -> None:
    exercise(shell, tmp_path / "out")


def test_beside_a_server(server: Served, tmp_path: Path) -> None:
    exercise(server.shell, tmp_path / "out")


def test_what_cannot_be_is_said_in_one_line(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    taken = shell("audit", "export", "--out", str(tmp_path / "taken"), code=1)
    assert "is there already" in taken.err
    assert "write 2026-01-31" in shell("audit", "search", "--since", "soon", code=2).err


MEANINGLESS = (
    (("search", "--status", "answerd"), 2, "did you mean 'answered'?"),
    (("search", "--status", "?"), 2, "statuses are open, "),
    (("search", "--workflow", "assistent"), 2, "did you mean 'assistant'?"),
    (("search", "--who", "nobody"), 1, "nobody called 'nobody' is known"),
    (("search", "--before", "dec_0"), 2, "before names no decision"),
    (("export", "--who", "nobody", "--out", "out"), 1, "nobody called 'nobody' is known"),
    (("export", "--workflow", "none", "--out", "out"), 2, "no workflow 'none'"),
    (("erase", "--who", "nobody", "--yes"), 1, "nobody called 'nobody' is known"),
    (("erase", "--who", "local:admin", "--yes"), 1, "administrator of this machine"),
    (("events", "--before", "admin_0"), 2, "before names no event"),
    (("show", "admin_0"), 1, "no administrative event"),
    (("prove", "admin_0"), 1, "no administrative event"),
)


def test_a_word_that_means_nothing_here_is_named_and_leaves_no_trace(server: Served) -> None:
    shell = server.shell
    events = shell("audit", "verify", "--json").json["events"]
    for arguments, code, told in MEANINGLESS:
        done = shell("audit", *arguments, code=code)
        assert told in done.err
        assert done.err.count("\n") == 1
    assert not (shell.folder / "out").exists()
    assert shell("audit", "verify", "--json").json["events"] == events
