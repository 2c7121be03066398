"""`train`, `predict` and `evaluate` on real weights, alone and beside a server."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from befit.audit import SealedTables, open_keyring
from befit.testing import ScriptedUpstream
from tests.cli.conftest import Result, Served, Shell, needs_weights, serve, until

TEXTS = {
    "weather": ["Will it rain in {}?", "How cold is {} today?", "Is there snow in {}?"],
    "travel": ["Book a train to {}", "When does the bus to {} leave?", "A hotel in {} please"],
    "food": ["Where can I eat noodles in {}?", "A recipe for soup from {}", "Best bakery of {}"],
}
PLACES = ("Lund", "Graz", "Pisa", "Cork", "Brno", "Faro", "Metz", "Turku")
OUTSIDE = ["{} times seven", "Who painted it in {}?", "Sing a song of {}"]


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def cases(places: tuple[str, ...], *, outside: bool = False) -> list[dict[str, Any]]:
    rows = [
        {"text": text.format(place), "label": label}
        for place in places
        for label, texts in TEXTS.items()
        for text in texts
    ]
    if outside:
        rows += [{"text": t.format(place), "label": "oos"} for place in places for t in OUTSIDE]
    return rows


@pytest.fixture(scope="module")
def trained(
    tmp_path_factory: pytest.TempPathFactory, near: ScriptedUpstream
) -> tuple[Shell, dict[str, Any]]:
    """A workspace as `init` writes it, with a scripted model and a trained specialist."""
    needs_weights()
    folder = tmp_path_factory.mktemp("trained")
    shell = Shell(folder)
    shell("init", ".")
    shell("models", "add", "near", "--via", "openai", "--url", near.url, "--model", "test-model")
    file = write(folder / "train.jsonl", cases(PLACES[:6]))
    return shell, shell("train", "topic", "--cases", file, "--json").json


@pytest.fixture(scope="module")
def server(trained: tuple[Shell, dict[str, Any]]) -> Iterator[Served]:
    yield from serve(trained[0])


def test_training_reports_out_of_fold_and_writes_card_and_workflow(
    trained: tuple[Shell, dict[str, Any]],
) -> None:
    shell, document = trained
    assert document["is_new_workflow"] is True
    assert document["n"] == 54
    low, high = document["interval"]
    assert low <= document["accuracy"] <= high
    assert document["accuracy"] > document["majority"]
    assert document["p95_ms"] > 0
    assert set(document["files"]) == {"befit.yaml", "workflows/topic.yaml"}
    artefact = document["artefact"].removeprefix("sha256:")
    assert (shell.folder / ".befit" / "artefacts" / artefact).is_dir()
    record = shell("audit", "show", document["decision_id"], "--json").json
    assert (record["kind"], record["status"]) == ("bulk:train", "answered")
    assert {call["model"] for call in record["calls"]} == {"minilm-l6", "topic-specialist"}


def test_the_specialist_is_the_workflows_first_model_with_evidence(server: Served) -> None:
    document = server.shell("ask", "Is it snowing in Brno?", "--workflow", "topic", "--json").json
    assert document["model"] == "topic-specialist"
    assert document["evidence"] == "evaluation"
    assert document["output"] == "weather"


def test_predict_labels_rows_without_labels_under_one_decision(
    server: Served, tmp_path: Path
) -> None:
    rows = [{"id": "a", "text": "Will it rain in Faro?"}, {"text": "Book a train to Metz"}]
    file = write(tmp_path / "new.jsonl", rows)
    result = server.shell("predict", "topic", "--cases", file, "--json")
    predictions = result.json["predictions"]
    assert [(row["id"], row["label"]) for row in predictions] == [("a", "weather"), ("2", "travel")]
    assert all(row.keys() == {"id", "label", "confidence", "abstained"} for row in predictions)
    lines = server.shell("predict", "topic", "--cases", file).out.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["a", "weather"], ["2", "travel"]]
    record = server.shell("audit", "show", result.json["decision_id"], "--json").json
    assert (record["kind"], record["model"]) == ("bulk:predict", "topic-specialist")
    assert len(record["calls"]) == 1


def test_evaluate_measures_keeps_and_names_the_smallest(
    server: Served, tmp_path: Path, near: ScriptedUpstream
) -> None:
    rows = cases(PLACES[6:])
    file = write(tmp_path / "held.jsonl", rows)
    before = len(near.requests)
    arguments = ("evaluate", "topic", "--cases", file, "--models", "topic-specialist,near")
    document = server.shell(*arguments, "--json").json
    assert len(near.requests) - before == len(rows)
    by_model = {row["model"]: row for row in document["rows"]}
    contract = {"model", "n", "score", "interval", "p95_ms", "cost_usd_per_1000"}
    assert all(row.keys() >= contract for row in document["rows"])
    assert by_model["topic-specialist"]["n"] == len(rows)
    assert by_model["topic-specialist"]["score"] > by_model["near"]["score"]
    assert by_model["near"]["cost_usd_per_1000"] is None
    assert document["verdict"]["model"] is None  # the workflow states no bar
    text = server.shell(*arguments).out
    assert "topic-specialist" in text
    assert "oracle" in text


def test_rows_of_a_bulk_are_kept_sealed_as_the_ledger_commits_to_them(
    server: Served, tmp_path: Path
) -> None:
    file = write(tmp_path / "new.jsonl", [{"id": "secret-row", "text": "Snow in Cork?"}])
    server.shell("predict", "topic", "--cases", file)
    befit_dir = server.shell.folder / ".befit"
    tables = sorted(befit_dir.rglob("rows-*.sealed"), key=lambda path: path.stat().st_mtime)
    assert b"secret-row" not in tables[-1].read_bytes()
    sealed = SealedTables(befit_dir / "artefacts", open_keyring(befit_dir).sealer)
    name = tables[-1].name.removeprefix("rows-")[:64]
    rows = sealed._rows("default", name)
    assert b"secret-row" in rows


def test_training_again_replaces_the_specialist_beside_the_server(
    server: Served, trained: tuple[Shell, dict[str, Any]], tmp_path: Path
) -> None:
    file = write(tmp_path / "more.jsonl", cases(PLACES, outside=True))
    document = server.shell("train", "topic", "--cases", file, "--json").json
    assert document["is_new_workflow"] is False
    assert document["artefact"] != trained[1]["artefact"]
    assert document["oos_recall"] is not None
    outside = write(tmp_path / "outside.jsonl", [{"text": "Sing a song of Lund"}])
    (row,) = server.shell("predict", "topic", "--cases", outside, "--json").json["predictions"]
    assert row["abstained"] is (row["label"] == "oos")
    assert server.shell("audit", "verify", "--json").json["ok"] is True


def test_a_rolled_back_specialist_serves_with_the_evidence_it_had(
    server: Served, trained: tuple[Shell, dict[str, Any]]
) -> None:
    shell = server.shell
    told = shell("models", "rollback", "topic-specialist", "--json").json
    assert (told["stage"], told["evidence"]["topic"]) == ("approved", "evaluation")
    assert trained[1]["artefact"] in (shell.folder / "befit.yaml").read_text()
    document = shell("ask", "Is it snowing in Brno?", "--workflow", "topic", "--json").json
    assert (document["model"], document["output"]) == ("topic-specialist", "weather")


def test_cases_a_specialist_was_trained_on_are_told_and_are_no_evidence(
    server: Served, near: ScriptedUpstream
) -> None:
    shell = server.shell
    file = str(shell.folder / "train.jsonl")
    before = evaluations(shell)
    arguments = ("evaluate", "topic", "--cases", file, "--models", "topic-specialist")
    result = shell(*arguments, "--json")
    assert "warning: topic-specialist was trained on these very cases" in result.err
    assert len(result.json["warnings"]) == 1
    assert evaluations(shell) == before


def evaluations(shell: Shell) -> list[dict[str, Any]]:
    models = shell("inventory", "--json").json["models"]
    (card,) = (model for model in models if model["name"] == "topic-specialist")
    return card["evaluations"]


def test_a_specialist_below_the_bar_is_proposed_and_displaces_nothing(server: Served) -> None:
    shell = server.shell
    workflow = shell.folder / "workflows" / "topic.yaml"
    text = workflow.read_text()
    rows = cases(PLACES[:4])
    draw = random.Random(7)
    for row in rows:  # labels that no text explains
        row["label"] = draw.choice(sorted(TEXTS))
    file = write(shell.folder / "noise.jsonl", rows)
    workflow.write_text(text + "requirements: {quality_bar: 0.95}\n")
    shell("models", "list")
    for _ in range(20):  # until the server has taken up the bar
        result = shell("train", "topic", "--cases", file, "--json")
        if result.json["bar"] is not None:
            break
    document = result.json
    assert document["accuracy"] < document["bar"]
    assert (document["stage"], document["model"]) == ("proposed", "topic-specialist-proposed")
    assert "below the workflow's bar of 0.950" in document["warnings"][-1]
    assert "topic-specialist-proposed" not in workflow.read_text()
    models = {model["name"]: model for model in shell("models", "list", "--json").json["models"]}
    assert models["topic-specialist"]["stage"] == "approved"
    said = shell("train", "topic", "--cases", file)
    assert "does not use it yet" in said.err


@pytest.mark.parametrize(
    ("command", "rows", "code", "said"),
    [
        ("train", [{"text": "a", "label": "x"}], 2, "at least two"),
        ("train", cases(PLACES[:2]) + [{"text": "b", "label": "news"}] * 2, 2, "news"),
        ("evaluate", [{"text": "a"}], 2, "has no `expected`"),
        ("predict", [{"nonsense": 1}], 2, "input"),
    ],
)
def test_wrong_cases_are_refused_with_their_place(
    server: Served, tmp_path: Path, command: str, rows: list[Any], code: int, said: str
) -> None:
    file = write(tmp_path / "wrong.jsonl", rows)
    result = server.shell(command, "topic", "--cases", file, code=code)
    assert said in result.err
    assert len(result.err.splitlines()) == 1


def test_predict_without_a_specialist_names_the_command_that_makes_one(server: Served) -> None:
    cases_file = server.shell.folder / "train.jsonl"
    result = server.shell("predict", "assistant", "--cases", str(cases_file), code=1)
    assert "befit train assistant" in result.err
    missing = server.shell("predict", "topic", "--cases", "nowhere.jsonl", code=2)
    assert "nowhere.jsonl" in missing.err


def test_a_named_model_that_policy_forbids_is_not_measured(
    server: Served, near: ScriptedUpstream, tmp_path: Path
) -> None:
    config = server.shell.folder / "befit.yaml"
    file = write(tmp_path / "held.jsonl", cases(PLACES[:1]))
    text = config.read_text()
    config.write_text(
        text + f"  out: {{via: openai, url: '{near.url}', size: large, zone: external}}\n"
    )
    try:
        server.shell("models", "list")
        before = len(near.requests)
        arguments = ("evaluate", "topic", "--cases", file, "--models", "topic-specialist,out")
        document = reloaded(server, arguments)
        assert "out" in document["excluded"]
        assert "internal data" in document["excluded"]["out"]
        assert [row["model"] for row in document["rows"]] == ["topic-specialist"]
        assert len(near.requests) == before
    finally:
        config.write_text(text)


def reloaded(server: Served, arguments: tuple[str, ...]) -> dict[str, Any]:
    """The document once the server has taken up the changed file."""
    results: list[Result] = []

    def is_taken_up() -> bool:
        results.append(server.shell(*arguments, "--json", code=None))
        return results[-1].code == 0

    until(is_taken_up)
    return results[-1].json
