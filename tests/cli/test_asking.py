"""`ask`, `route` and `run`, alone and beside a server: the same documents, the same codes."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from befit.testing import Reply, ScriptedUpstream
from tests.cli.conftest import Served, Shell, make_workspace, serve, until

ANSWER = {
    "decision_id", "status", "output", "workflow", "model", "zone", "evidence", "data_class",
    "excluded", "cost_usd", "latency_ms",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream, far: ScriptedUpstream
) -> Iterator[Served]:
    yield from serve(make_workspace(tmp_path_factory.mktemp("served"), near, far))


@pytest.fixture(params=["alone", "beside a server"])
def either(request: pytest.FixtureRequest, shell: Shell) -> Shell:
    if request.param == "alone":
        return shell
    return request.getfixturevalue("server").shell


def test_an_answer_is_on_stdout_and_one_line_about_it_on_stderr(either: Shell) -> None:
    result = either("ask", "What colour is grass?", "--workflow", "colour")
    assert result.out == "green\n"
    (line,) = result.err.splitlines()
    assert "workflow colour" in line
    assert "near (device, evidence: none)" in line
    assert "USD" in line
    assert "dec_" in line


def test_the_document_of_an_answer_keeps_the_contract(either: Shell) -> None:
    document = either("ask", "grass", "--workflow", "colour", "--json").json
    assert document.keys() >= ANSWER
    assert (document["status"], document["output"]) == ("answered", "green")
    assert (document["model"], document["zone"]) == ("near", "device")
    assert isinstance(document["cost_usd"], float)


def test_a_refusal_exits_1_with_its_document(either: Shell, far: ScriptedUpstream) -> None:
    before = far.connections
    result = either("ask", "hi", "--model", "far", "--class", "restricted", "--json", code=1)
    document = result.json
    assert document.keys() >= ANSWER
    assert document["status"] == "refused"
    assert document["output"] is None
    assert "restricted data" in document["excluded"]["far"]
    assert document["error"]["code"] == "forbidden"
    assert far.connections == before
    assert len(result.err.splitlines()) == 1


def test_what_waits_for_a_person_exits_0(either: Shell) -> None:
    result = either("ask", "Shall we?", "--workflow", "advice", "--json")
    assert result.json["status"] == "pending_person"
    assert result.json["output"] is None
    assert result.json["approval_id"] in result.err


def test_text_comes_from_stdin_where_it_is_a_dash(server: Served) -> None:
    assert server.shell("ask", "-", "--workflow", "colour", stdin="of grass\n").out == "green\n"


def test_as_asserts_a_reader_without_the_administrators_rights(server: Served) -> None:
    document = server.shell("ask", "hi", "--as", "ann:sales", "--json").json
    shown = server.shell("audit", "show", document["decision_id"])
    assert "asked by    as:ann" in shown.out
    refused = server.shell("ask", "hi", "--workflow", "nothing-such", "--json", code=1).json
    assert refused["error"]["code"] == "not_found"


def test_route_explains_every_model_and_calls_none(
    either: Shell, near: ScriptedUpstream, far: ScriptedUpstream
) -> None:
    before = len(near.requests) + len(far.requests)
    document = either("route", "hi", "--workflow", "assistant", "--explain", "--json").json
    assert len(near.requests) + len(far.requests) == before
    by_model = {each["model"]: each for each in document["candidates"]}
    assert by_model["near"]["eligible"] is True
    assert by_model["far"]["eligible"] is False
    assert "internal data" in by_model["far"]["reasons"][0]
    text = either("route", "hi", "--workflow", "assistant", "--explain").out
    assert "- far" in text


def test_run_takes_json_and_prints_the_output(server: Served) -> None:
    result = server.shell("run", "form", "--input", '{"customer": 7}', "--json")
    assert result.json.keys() >= {"run_id", "decision_id", "status", "output"}
    assert result.json["output"] == {"ok": True}
    wrong = server.shell("run", "form", "--input", '{"customer": "x"}', "--json", code=2)
    assert "customer" in wrong.err


def test_check_dry_runs_for_a_caller_a_workflow_and_a_text(either: Shell) -> None:
    document = either("check", "--text", "hi", "--workflow", "colour", "--json").json
    assert document["ok"] is True
    assert [each["eligible"] for each in document["route"]["candidates"]] == [True, True]
    plain = either("check", "--text", "hi", "--class", "confidential", "--workflow", "assistant")
    assert "confidential data" in plain.out


def test_an_interrupted_question_leaves_nothing_behind(
    tmp_path_factory: pytest.TempPathFactory, far: ScriptedUpstream
) -> None:
    with ScriptedUpstream(Reply(text="late", delay_s=30)) as slow:
        shell = make_workspace(tmp_path_factory.mktemp("cut"), slow, far)
        process = shell.start("ask", "hi", "--workflow", "assistant")
        until(lambda: slow.requests)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 130, err
        assert err.strip().endswith("interrupted")
        until(lambda: slow.disconnects == 1)
    verified = shell("audit", "verify", "--json").json
    assert (verified["ok"], verified["decisions"]) == (True, 1)
    assert shell("usage", "--json").json["rows"][0]["decisions"] == 1


def test_an_interrupted_question_beside_a_server_is_cut_there(
    server: Served, near: ScriptedUpstream
) -> None:
    near.script(Reply(text="late", delay_s=30))
    before = near.disconnects
    process = server.shell.start("ask", "slowly", "--workflow", "assistant")
    until(lambda: near.requests and b"slowly" in near.requests[-1].body)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    until(lambda: near.disconnects == before + 1)
    assert server.shell("audit", "verify", "--json").json["ok"] is True


def test_two_commands_at_once_wait_for_each_other(shell: Shell) -> None:
    first = shell.start("ask", "grass", "--workflow", "colour")
    time.sleep(0.3)
    assert shell("usage", "--json").json["rows"]
    out, err = first.communicate(timeout=60)
    assert (first.returncode, out) == (0, "green\n"), err
