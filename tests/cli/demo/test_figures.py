"""Every figure of `befit demo --json` can be computed again from the workspace it left."""

from __future__ import annotations

import hashlib
import json
import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from befit.catalog import Workspace, load_catalog
from befit.inference.embedded.specialist import SpecialistArtefact
from befit.statistics import wilson
from tests.cli.demo.conftest import TICKETS, Left, Played

DATA = Path(__file__).resolve().parents[3] / "src" / "befit" / "cli" / "demo" / "data"
MODELS = {"general": "smollm2-135m", "specialist": "tickets-specialist"}
_ANSWERING = {"answer", "escalation", "fallback"}
"""The purposes of calls that are shown; others prepare or check."""
ROWS = {"general": "all on the general model", "specialist": "all on the small one"}


def labels() -> dict[str, str]:
    lines = (DATA / "tickets.held_out.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["id"]: row["label"] for row in map(json.loads, lines)}


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def p95(values: list[float]) -> float:
    return sorted(values)[math.ceil(round(0.95 * len(values), 9)) - 1]


@pytest.mark.parametrize("which", MODELS)
def test_each_models_row_follows_from_the_sealed_rows_of_the_evaluation(
    which: str, played: Played, left: Left
) -> None:
    scene = played.scene("tickets")
    measured, row = scene[which], played.row(ROWS[which])
    expected = labels()
    rows = [
        each
        for each in left.rows(scene["evaluation_id"], MODELS[which])
        if each["id"] in expected  # the call that warms a model up is no case
    ]
    right = sum(each["output"] == expected[each["id"]] for each in rows)
    n, interval = len(rows), list(wilson(right, len(rows)).as_pair())
    cost = sum(Decimal(each["cost_usd"]) for each in rows) / n
    assert (row["n"], row["right"], row["wrong"]) == (n, right, n - right)
    assert n == TICKETS
    assert row["quality"] == measured["score"] == pytest.approx(right / n)
    assert row["interval"] == measured["interval"] == pytest.approx(interval)
    assert row["p95_ms"] == measured["p95_ms"] == p95([each["latency_ms"] for each in rows])
    assert row["cost_usd_per_million"] == cost * 1_000_000
    assert measured["cost_usd_per_1000"] == cost * 1000
    assert row["decision_id"] == scene["evaluation_id"]
    assert (row["answered"], row["to_person"], row["crossed_boundary"]) == (n, 0, 0)


def test_befits_row_follows_from_one_decision_a_ticket(played: Played, left: Left) -> None:
    row, cases, expected = played.row("Befit"), played.scene("tickets")["befit"], labels()
    ends = {each["case"]: left.end(each["decision_id"]) for each in cases}
    answered = {case: end for case, end in ends.items() if end["status"] == "answered"}
    right = sum(end["output_sha256"] == sha256(expected[case]) for case, end in answered.items())
    zones = [
        [call["zone"] for call in left.fields(each["decision_id"], "reserved")] for each in cases
    ]
    cost = sum(Decimal(str(end["cost_usd"])) for end in ends.values()) / len(ends)
    assert list(ends) == list(expected)[: len(ends)]
    assert (row["n"], row["answered"]) == (len(ends), len(answered)) and len(answered) > 0
    assert (row["right"], row["wrong"]) == (right, len(answered) - right)
    assert row["to_person"] == len(ends) - len(answered)
    assert all(
        end["status"] == "pending_person" for end in ends.values() if end not in answered.values()
    )
    assert row["quality"] == right / len(answered)
    assert row["interval"] == list(wilson(right, len(answered)).as_pair())
    assert row["p95_ms"] == p95([end["latency_ms"] for end in ends.values()])
    assert row["cost_usd_per_million"] == cost * 1_000_000
    assert row["crossed_boundary"] == sum("external" in each for each in zones) == 0
    assert played.document["summary"]["n"] == len(ends)


def test_every_shown_request_is_what_its_decision_says(played: Played, left: Left) -> None:
    shown = [each for scene in played.document["scenes"] for each in scene["requests"]]
    assert len(shown) >= 14
    for request in shown:
        assert request_of(left, request["decision_id"]) == {
            key: value for key, value in request.items() if key not in {"case", "output"}
        }
        output = request["output"]
        assert (output is not None) == (request["status"] == "answered")
        end = left.end(request["decision_id"])
        assert end["output_sha256"] == (None if output is None else sha256(output))


def request_of(left: Left, decision_id: str) -> dict[str, Any]:
    """A shown request, from the ledger alone."""
    end = left.end(decision_id)
    reserved, settled = left.fields(decision_id, "reserved"), left.fields(decision_id, "settled")
    by_permit = {call["permit_id"]: call for call in settled}
    waiting = left.fields(decision_id, "waiting")
    return {
        "decision_id": decision_id,
        "status": end["status"],
        "workflow": end["workflow"]["name"],
        "data_class": end["data_class"],
        "excluded": end["excluded"],
        "model": end["model"],
        "zone": end["zone"],
        "evidence": end["evidence"],
        "calls": [
            {key: call[key] for key in ("purpose", "model", "zone", "because")}
            | {key: by_permit[call["permit_id"]][key] for key in ("outcome", "latency_ms")}
            for call in reserved
            if call["purpose"] in _ANSWERING
        ],
        "checks": end["checks"],
        "approval_id": waiting[-1]["approval_id"] if waiting else None,
        "cost_usd": None if end["cost_usd"] is None else float(end["cost_usd"]),
        "latency_ms": end["latency_ms"],
    }


def test_what_each_reader_is_given_of_the_documents_stands_in_them(
    played: Played, left: Left
) -> None:
    scene = played.scene("documents")
    asked = scene["asked"]
    assert [each["found"] for each in asked] == [True, False, False]
    assert asked[0]["reader"] != asked[1]["reader"]
    for each in asked:
        assert bool(each["citations"]) == each["found"]
        for cited in each["citations"]:
            text = (DATA / "knowledge" / cited["doc_id"]).read_text(encoding="utf-8")
            assert text[cited["start"] : cited["end"]] == cited["text"] != ""
        assert left.end(each["request"]["decision_id"])["zone"] in {"device", None}
        calls = left.fields(each["request"]["decision_id"], "reserved")
        assert "external" not in [call["zone"] for call in calls]
    opened = left.fields(scene["ingest_id"], "opened")
    assert [each["kind"] for each in opened] == ["bulk:ingest"]
    assert left.end(scene["ingest_id"])["status"] == "answered"
    assert scene["ingest_id"] in played.document["decisions"]


def test_mails_of_no_kind_are_counted_from_their_decisions(played: Played, left: Left) -> None:
    told = played.scene("tickets")["out_of_scope"]
    ends = [left.end(each["decision_id"]) for each in told["cases"]]
    gave_up = [end for end in ends if end["checks"][0]["name"] == "label"]
    assert told["n"] == len(ends) == 8
    assert told["answered"] == sum(end["status"] == "answered" for end in ends)
    assert told["to_person"] == sum(end["status"] == "pending_person" for end in ends)
    assert told["abstained"] == len(gave_up) > 0
    assert not any(end["checks"][0]["passed"] for end in gave_up)


def test_training_figures_are_those_in_the_artefact(played: Played) -> None:
    told = played.scene("tickets")["training"]
    folder = played.folder / ".befit" / "artefacts" / told["artefact"].removeprefix("sha256:")
    summary = SpecialistArtefact.load(folder, told["artefact"]).document.training
    assert told["accuracy"] == summary.accuracy
    assert tuple(told["interval"]) == summary.accuracy_interval
    assert told["n"] == summary.n - summary.per_class["oos"]


def test_the_external_peer_was_reached_by_the_public_text_alone(played: Played, left: Left) -> None:
    scene = played.scene("boundary")
    calls = [
        [call["model"] for call in left.fields(each["decision_id"], "reserved")]
        for each in scene["requests"]
    ]
    peer, restricted = scene["peer"], scene["restricted_requests"]
    classes = [each["data_class"] for each in scene["requests"]]
    assert classes == ["restricted"] * restricted + ["public"]
    assert all(peer in each["excluded"] for each in scene["requests"][:restricted])
    reached = sum(each.count(peer) for each in calls[:restricted])
    assert (
        scene["requests_after_restricted"] == scene["connections_after_restricted"] == reached == 0
    )
    assert scene["requests_after_public"] == calls[restricted].count(peer) == 1
    assert scene["connections_after_public"] == 1


def test_the_killed_model_is_followed_by_another_and_no_workflow_changes(played: Played) -> None:
    scene = played.scene("failure")
    note, _, _, left_alone, _, after = scene["requests"]
    assert [call["outcome"] for call in note["calls"]] == ["failed", "ok"]
    assert note["calls"][0]["model"] == scene["killed"]
    assert note["calls"][1]["purpose"] == "fallback"
    assert scene["killed"] in left_alone["excluded"]
    assert after["calls"][-1]["model"] == "tickets-specialist"
    assert after["calls"][-1]["outcome"] == "ok"
    for name, before in scene["before_sha256"].items():
        now = hashlib.sha256((played.folder / name).read_bytes()).hexdigest()
        assert before == scene["after_sha256"][name] == now


def test_every_decision_is_named_once_and_exists(played: Played, left: Left) -> None:
    document = played.document
    assert document.keys() == {"scenes", "summary", "decisions"}
    named = set(_ids(document["scenes"])) | {document["summary"]["decision_id"]}
    decisions = document["decisions"]
    assert len(set(decisions)) == len(decisions)
    assert named <= set(decisions)
    assert all(left.events[decision_id] for decision_id in decisions)


def test_the_stand_ins_are_retired_in_the_workspace_that_is_kept(played: Played) -> None:
    cards = load_catalog(Workspace.at(played.folder)).cards
    stages = {name: card.stage.value for name, card in cards.items()}
    assert [stages[name] for name in stages if name.startswith("standin-")] == ["retired"] * 3
    assert stages["tickets-specialist"] == "approved"


def _ids(value: object) -> list[str]:
    """Every decision id anywhere in a document."""
    if isinstance(value, dict):
        own = [v for k, v in value.items() if k in {"decision_id", "evaluation_id"} and v]
        return own + [found for part in value.values() for found in _ids(part)]
    if isinstance(value, list):
        return [found for part in value for found in _ids(part)]
    return []
