"""Approvals, keys, usage and the ledger, alone and beside a server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from befit.testing import ScriptedUpstream
from tests.cli.conftest import Served, Shell, free_port, make_workspace, serve


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Iterator[Served]:
    yield from serve(make_workspace(tmp_path_factory.mktemp("served"), near, far))


def ask_person(shell: Shell) -> dict[str, str]:
    return shell("ask", "Shall we buy?", "--workflow", "advice", "--json").json


def test_an_approved_answer_is_released_and_recorded(server: Served) -> None:
    shell = server.shell
    asked = ask_person(shell)
    (waiting,) = [
        each
        for each in shell("approvals", "list", "--json").json["approvals"]
        if each["id"] == asked["approval_id"]
    ]
    contract = {"id", "kind", "workflow", "status", "payload", "payload_sha256", "requester", "due"}
    assert waiting.keys() >= contract
    assert (waiting["kind"], waiting["status"]) == ("answer", "pending")
    assert waiting["payload_sha256"] == hashlib.sha256(waiting["payload"].encode()).hexdigest()
    shown = shell("approvals", "show", asked["approval_id"])
    assert "Shall we buy?" in shown.out
    assert "high impact" in shown.out
    shell("approvals", "approve", asked["approval_id"], "--note", "fine")
    record = shell("audit", "show", asked["decision_id"], "--json").json
    assert record["status"] == "answered"
    assert record["approvals"][0]["resolution"] == "approved"
    text = shell("audit", "show", asked["decision_id"]).out
    assert "approved by local:admin" in text


def test_without_a_server_a_person_decides_likewise(shell: Shell) -> None:
    asked = ask_person(shell)
    shell("approvals", "approve", asked["approval_id"])
    record = shell("audit", "show", asked["run_id"], "--json").json
    assert (record["status"], record["approvals"][0]["by"]) == ("answered", "local:admin")


def test_an_answer_is_edited_or_rejected_once(server: Served) -> None:
    shell = server.shell
    asked = ask_person(shell)
    edited = shell("approvals", "edit", asked["approval_id"], "--answer", "Not yet.", "--json")
    assert edited.json["status"] == "edited"
    again = shell("approvals", "reject", asked["approval_id"], code=1)
    assert len(again.err.splitlines()) == 1
    other = ask_person(shell)
    wrong = shell("approvals", "approve", other["approval_id"], "--payload-sha256", "0", code=1)
    assert "payload" in wrong.err
    assert shell("approvals", "reject", other["approval_id"]).out.count("rejected") == 1


def test_a_key_is_printed_alone_and_once(server: Served) -> None:
    shell = server.shell
    made = shell("keys", "create", "ci", "--budget-usd", "1.50", "--expires", "30d")
    key = made.out.strip()
    assert key.startswith("befit_")
    listed = shell("keys", "list").out
    assert key not in listed
    document = shell("keys", "create", "other", "--workflows", "colour", "--json").json
    assert document.keys() >= {"id", "key"}
    assert document["workflows"] == ["colour"]
    assert "revoked" in shell("keys", "revoke", document["id"]).out
    assert "NOSUCHKEY222" in shell("keys", "revoke", "NOSUCHKEY222", code=1).err


def test_a_key_made_beside_a_server_works_at_once_and_its_revocation_too(server: Served) -> None:
    document = server.shell("keys", "create", "client", "--json").json
    headers = {"Authorization": f"Bearer {document['key']}"}
    with httpx.Client(base_url=server.url, headers=headers) as client:
        assert client.get("/models").status_code == 200
        server.shell("keys", "revoke", document["id"])
        assert client.get("/models").status_code == 401


def test_usage_groups_and_compares(server: Served) -> None:
    shell = server.shell
    shell("ask", "grass", "--workflow", "colour")
    document = shell("usage", "--by", "workflow,model", "--reference", "far", "--json").json
    row = next(row for row in document["rows"] if row.get("workflow") == "colour")
    assert row["model"] == "near"
    assert row["saving"]["basis"] == "assumed"
    assert row["saving"]["saved_usd"] > 0
    text = shell("usage", "--by", "workflow", "--since", "1d", "--reference", "far").out
    assert "against far (assumed" in text
    assert "did you mean 'near'?" in shell("usage", "--reference", "naer", code=1).err


def test_a_decision_is_shown_from_question_to_outcome(server: Served) -> None:
    shell = server.shell
    asked = shell("ask", "grass", "--workflow", "colour", "--class", "public", "--json").json
    text = shell("audit", "show", asked["decision_id"]).out
    for part in (
        f"Decision {asked['decision_id']}: answered",
        "asked by    local:admin",
        "data class  public",
        "workflow    colour",
        "Models considered",
        "Calls",
        "Checks",
        "Outcome: answered",
        "near (device), evidence: none",
    ):
        assert part in text
    by_run = shell("audit", "show", asked["run_id"], "--json").json
    assert by_run["decision_id"] == asked["decision_id"]
    assert "no decision" in shell("audit", "show", "dec_nothing", code=1).err


def test_verify_counts_and_names_the_root(server: Served) -> None:
    shell = server.shell
    document = shell("audit", "verify", "--json").json
    assert document.keys() >= {"ok", "events", "decisions", "root", "problems"}
    assert document["ok"] is True
    assert "is whole" in shell("audit", "verify").out


def test_verify_writes_nothing_and_exits_1_on_any_difference(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    shell("ask", "hi", "--workflow", "assistant")
    before = contents(tmp_path / ".befit")
    shell("audit", "verify")
    assert contents(tmp_path / ".befit") == before
    log = tmp_path / ".befit" / "ledger" / "0.log"
    log.write_bytes(log.read_bytes() + b'{"torn')
    torn = shell("audit", "verify", "--json", code=1).json
    assert torn["ok"] is False
    assert torn["problems"]
    shell("usage")  # the next start repairs and records it
    assert shell("audit", "verify", "--json").json["ok"] is True


def test_verify_sees_an_end_that_was_cut_off_with_its_checkpoints(
    tmp_path: Path, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    shell = make_workspace(tmp_path, near, far)
    shell("ask", "hi", "--workflow", "assistant")
    ledger, sealed = tmp_path / ".befit" / "ledger", tmp_path / ".befit" / "sealed"
    kept = [(path, path.read_bytes()) for folder in (ledger, sealed) for path in folder.iterdir()]
    shell("ask", "again", "--workflow", "assistant")
    for path, content in kept:
        path.write_bytes(content)
    assert "checkpoint" in shell("audit", "verify", code=1).out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_serve_says_where_it_is_what_it_has_and_how_to_use_it(server: Served) -> None:
    told = server.announced
    assert server.url.endswith("/v1")
    assert "befit keys create" in told
    assert f'base_url="{server.url}"' in told
    assert any(line.split()[:2] == ["far", "external"] for line in told.splitlines())


def test_a_second_serve_names_the_first(server: Served) -> None:
    result = server.shell("serve", "--port", "0", code=1)
    assert str(server.process.pid) in result.err
    assert len(result.err.splitlines()) == 1


def test_a_port_in_use_is_told_in_one_line(shell: Shell, server: Served) -> None:
    port = server.url.rsplit(":", 1)[1].removesuffix("/v1")
    result = shell("serve", "--port", port, code=1)
    assert f"port {port}" in result.err
    assert len(result.err.splitlines()) == 1


def test_serve_without_weights_names_the_pull(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"BEFIT_CACHE": str(tmp_path / "empty")})
    assert "befit pull" in shell("init", ".").out
    result = shell("serve", "--port", str(free_port()), code=1)
    assert "befit pull" in result.err
    assert len(result.err.splitlines()) == 1
