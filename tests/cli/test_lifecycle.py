"""`models promote|retire|rollback`, `workflows`, `access`, `inventory` and `check` as typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import befit.cli.local_session
from befit.cli.commands import check
from befit.cli.finding import State
from befit.cli.findings import find_all
from befit.testing import ScriptedUpstream
from tests.cli.conftest import BEFIT, Served, Shell, make_workspace, serve, until


@pytest.fixture(scope="module")
def ours(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Shell:
    return make_workspace(tmp_path_factory.mktemp("lifecycle"), near, far)


@pytest.fixture(scope="module")
def server(ours: Shell) -> Iterator[Served]:
    yield from serve(ours)


def test_a_model_is_retired_beside_the_server_and_promoted_again(server: Served) -> None:
    shell = server.shell
    result = shell("models", "retire", "near")
    assert result.out.startswith("model near is retired (release sha256:")
    assert "warning: workflow advice has no approved model left" in result.err
    assert "recorded as admin_" in result.err
    assert "stage: retired" in (shell.folder / "befit.yaml").read_text()
    assert "retired" in shell("models", "list").out
    asked = shell("ask", "grass", "--model", "near", code=1)
    assert "model near is retired, not approved" in asked.err
    document = shell("models", "promote", "near", "--json").json
    assert (document["stage"], document["changed"]) == ("approved", True)
    assert shell("ask", "grass", "--model", "near").out == "green\n"
    again = shell("models", "promote", "near")
    assert "already; nothing was changed" in again.out


def test_a_workflow_is_listed_shown_retired_and_activated(server: Served) -> None:
    shell = server.shell
    assert "colour" in shell("workflows", "list").out
    shown = shell("workflows", "show", "colour")
    assert "near, far" in shown.out
    assert "Name the colour." in shown.out
    document = shell("workflows", "show", "colour", "--json").json
    assert document["content"]["labels"] == ["red", "green"]
    assert "workflow colour is retired" in shell("workflows", "retire", "colour").out
    assert "workflow colour is retired" in shell("ask", "x", "--workflow", "colour", code=1).err
    assert "workflow colour is approved" in shell("workflows", "activate", "colour").out
    unknown = shell("workflows", "activate", "colur", code=1)
    assert "did you mean 'colour'?" in unknown.err
    assert len(unknown.err.splitlines()) == 1


def test_a_rollback_without_a_former_release_says_so(server: Served) -> None:
    result = server.shell("models", "rollback", "far", code=1)
    assert "no release of model far before" in result.err
    assert len(result.err.splitlines()) == 1


def test_access_is_a_table_of_workflows_models_and_rules(server: Served) -> None:
    result = server.shell("access", "role:user")
    assert "anybody with role user" in result.out
    headings = next(line for line in result.out.splitlines() if line.startswith("workflow"))
    assert headings.split() == ["workflow", "model", "zone", "raw", "usable", "alone", "by"]
    assert "internal data" in result.out
    assert "nothing beside asking is permitted" in result.out
    me = server.shell("access", "me", "--json").json
    assert me["who"]["id"] == "local:admin"
    reader = server.shell("access", "--as", "mara:desk", "--json").json
    assert reader["who"]["groups"] == ["desk", "everyone"]
    refused = server.shell("access", "role:user", "--as", "mara", code=1)
    assert "may not see the access of others" in refused.err


def test_the_inventory_is_one_document_and_a_few_tables(server: Served) -> None:
    text = server.shell("inventory").out
    assert "near" in text
    assert "baseline" in text
    document = server.shell("inventory", "--json").json
    assert [model["name"] for model in document["models"]] == ["far", "near"]


def test_check_and_the_lists_say_what_waits_for_its_activation(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    config = tmp_path / "befit.yaml"
    shell("models", "promote", "near")
    config.write_text("activation: recorded\n" + config.read_text())
    checked = shell("check")
    assert "befit models promote far" in checked.out
    assert "befit workflows activate colour" in checked.out
    assert "models promote near" not in checked.out
    assert len(shell("check", "--json").json["waiting"]) == 5
    assert "befit models promote far" in shell("models", "list").err
    assert "befit workflows activate colour" in shell("workflows", "list").err
    shell("workflows", "activate", "colour")
    assert shell("ask", "grass", "--workflow", "colour").out == "green\n"


def test_check_opens_the_workspace_once_for_all_that_waits(
    tmp_path: Path,
    near: ScriptedUpstream,
    far: ScriptedUpstream,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_workspace(tmp_path, near, far)
    config = tmp_path / "befit.yaml"
    config.write_text("activation: recorded\n" + config.read_text())
    opened: list[object] = []
    real = befit.cli.local_session.local_session

    def counted(*args: Any) -> Any:
        opened.append(args)
        return real(*args)

    monkeypatch.setattr(befit.cli.local_session, "local_session", counted)
    result = CliRunner().invoke(check.command, ["--workspace", str(tmp_path), "--json"])
    assert len(json.loads(result.stdout)["waiting"]) == 6
    assert len(opened) == 1


def test_an_edit_beside_the_server_demotes_until_it_is_activated(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    config = tmp_path / "befit.yaml"
    config.write_text("activation: recorded\n" + config.read_text())
    shell("models", "promote", "near")
    for served in serve(shell):
        assert served.shell("ask", "grass", "--model", "near").out == "green\n"
        config.write_text(config.read_text().replace("zone: device", "zone: onprem"))
        until(lambda: shell("ask", "grass", "--model", "near", code=None).code == 1)
        assert "befit models promote near" in shell("ask", "x", "--model", "near", code=1).err
        shell("models", "promote", "near")
        assert shell("ask", "grass", "--model", "near").out == "green\n"


def test_doctor_looks_at_a_workspace_that_is_another_users(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    shell("models", "list")
    closed = tmp_path / ".befit"
    closed.chmod(0)
    prefix: list[str] = []
    if os.geteuid() == 0:  # to whom no folder is closed
        nobody = 65534
        for path in (closed, *closed.rglob("*")):
            os.chown(path, nobody, nobody)
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
        if shutil.which("setpriv") is None:
            pytest.skip("root without setpriv can read everything")
    try:
        done = subprocess.run(
            [*prefix, BEFIT, "doctor", "--json"],
            cwd=tmp_path,
            capture_output=True,
            timeout=60,
            check=False,
        )
    finally:
        closed.chmod(0o700)
    told = {each["subject"]: each for each in json.loads(done.stdout)["findings"]}
    assert told["workspace"]["state"] == "ok"
    assert "cannot be" in told["ledger"]["detail"]


def test_doctor_asks_the_servers_of_cards_and_leaves_external_ones_alone(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    with (tmp_path / "befit.yaml").open("a") as file:
        file.write("  gone: {via: vllm, url: 'http://127.0.0.1:9/v1', size: small}\n")
        file.write(f"  odd: {{via: openai, url: '{near.url}', model: test-modle, size: small}}\n")
    before = far.connections
    findings = shell("doctor", "--json", code=1).json["findings"]
    told = {each["subject"]: each for each in findings}
    assert told["model near"]["detail"] == "its server answers"
    assert told["model gone"]["state"] == "problem"
    assert "does not list 'test-modle'" in told["model odd"]["detail"]
    assert told["model odd"]["next_step"] == "did you mean 'test-model'?"
    assert "was not contacted" in told["model far"]["detail"]
    assert far.connections == before
    findings = shell("doctor", "--external", "--json", code=1).json["findings"]
    told = {each["subject"]: each for each in findings}
    assert told["model far"]["detail"] == "its server answers"


async def test_doctor_looks_for_a_cards_key_where_it_is_told_to(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_workspace(tmp_path, near, far)
    config = tmp_path / "befit.yaml"
    config.write_text(
        config.read_text().replace("zone: external", "zone: external\n    key: env:A")
    )
    for given, here in (({"A": "k"}, ""), ({}, "k")):
        monkeypatch.setenv("A", here)
        told = {each.subject: each for each in await find_all(tmp_path, given)}
        found = told["model far"]
        assert (found.state is State.OK) is bool(given), found
