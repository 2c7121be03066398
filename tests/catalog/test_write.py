"""Changing the user's files: what they wrote stays, and a wrong change is never written."""

from __future__ import annotations

import dataclasses
import threading
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.catalog import (
    Capability,
    Check,
    CheckKind,
    InfrastructureCost,
    ModelCard,
    Price,
    Requirements,
    SpecialistRef,
    Stage,
    TaskProfile,
    Via,
    Workflow,
    WorkspaceEdit,
    load_catalog,
)
from befit.catalog.document import read_document
from befit.catalog.yaml_edit import set_value
from befit.errors import BefitError, Conflict, InvalidRequest, NotFound, WorkspaceError
from befit.vocabulary import DataClass, Impact, SizeClass, Tag, Zone

CONFIG = """\
# The company's models.
version: 1

models:
  small: {via: ollama, size: small}  # on the desk

  # The big one.
  big:
    via: openai
    size: large   # as of this year
    key: env:K

# How it listens.
gateway:
  port: 9000
"""

CARD = ModelCard(
    name="fresh",
    family="qwen",
    size=SizeClass.SMALL,
    via=Via.VLLM,
    zone=Zone.ONPREM,
    url="http://gpu.example.org:8000/v1",
    upstream_model="Qwen/Qwen2.5-7B-Instruct",
    key_ref="file:/run/secrets/key",
    jurisdiction="NO",
    context_window=32768,
    max_output_tokens=4096,
    parameters_billion=Decimal("7.6"),
    cost=Price(
        input_usd_per_million=Decimal("0.10"),
        output_usd_per_million=Decimal("0.30"),
        source="the contract",
        as_of=date(2026, 3, 1),
    ),
    capabilities=frozenset({Capability.CHAT, Capability.TOOLS}),
    able=frozenset({"write"}),
    licence="Apache-2.0",
    languages=frozenset({"en", "no"}),
    total_timeout_s=20.0,
)

SPECIALIST = ModelCard(
    name="triage-specialist",
    family="minilm",
    size=SizeClass.SMALL,
    via=Via.EMBEDDED,
    zone=Zone.DEVICE,
    weights="minilm-l6",
    capabilities=frozenset({Capability.LABELS}),
    specialist=SpecialistRef(
        workflow="triage", artefact=f"sha256:{'a' * 64}", labels=("yes", "no", "1e3", "a: b # c")
    ),
)

WORKFLOW = Workflow(
    name="triage",
    version="",
    description="Sorts, then stops.",
    instructions="Name it.\nNothing else.\n",
    input_schema={"type": "object", "properties": {"text": {"type": "string"}}},
    labels=("yes", "no", "1e3", "a: b # c"),
    label_descriptions={"no": "not: this"},
    requirements=Requirements(
        quality_bar=0.9,
        cost_ceiling_usd=Decimal("0.010"),
        zones=frozenset({Zone.DEVICE}),
        jurisdictions=frozenset({"NO"}),
        highest_class=DataClass.CONFIDENTIAL,
    ),
    profile=TaskProfile(frequent=True),
    impact=Impact.HIGH,
    owner="ops",
    models=("triage-specialist", "person"),
    check=Check(kind=CheckKind.CONFIDENCE, min_confidence=0.75),
    data_class=DataClass.INTERNAL,
    tags=frozenset({Tag.PII}),
    examples=("- a", "b: c", "#d"),
    reviewers=("leads",),
    approval_expiry_s=3600,
)


def test_a_card_is_added_and_every_line_of_the_user_stays(write_workspace):
    workspace = write_workspace(CONFIG)
    edit = WorkspaceEdit(workspace)
    edit.put_card(CARD)
    assert edit.commit() == (workspace.config_file,)
    text = workspace.config_file.read_text()
    lines = iter(text.splitlines())
    assert all(line in lines for line in CONFIG.splitlines())
    assert text.index("fresh:") < text.index("# How it listens.")
    assert load_catalog(workspace).cards["fresh"] == CARD


def test_a_changed_card_changes_only_what_differs(write_workspace):
    workspace = write_workspace(CONFIG)
    card = load_catalog(workspace).cards["big"]
    edit = WorkspaceEdit(workspace)
    edit.put_card(dataclasses.replace(card, size=SizeClass.SMALL, stage=Stage.RETIRED))
    edit.commit()
    expected = CONFIG.replace("size: large", "size: small").replace(
        "    key: env:K\n", "    key: env:K\n    stage: retired\n"
    )
    assert workspace.config_file.read_text() == expected


@pytest.mark.parametrize(
    "changed",
    [
        {"stage": Stage.RETIRED},
        {"cost": None},
        {"able": frozenset(), "languages": frozenset()},
        {"total_timeout_s": 300.0, "licence": None, "context_window": None},
        {
            "cost": InfrastructureCost(
                machine_usd_per_hour=Decimal("1.20"),
                output_tokens_per_s=Decimal(50),
                source="measured",
                as_of=date(2026, 3, 2),
            )
        },
    ],
)
def test_a_card_put_again_is_the_card_that_was_put(write_workspace, changed):
    workspace = write_workspace(CONFIG)
    for card in (CARD, dataclasses.replace(CARD, **changed), CARD):
        edit = WorkspaceEdit(workspace)
        edit.put_card(card)
        edit.commit()
        assert load_catalog(workspace).cards["fresh"] == card


def test_card_workflow_and_order_are_committed_together(write_workspace):
    workspace = write_workspace(CONFIG)
    edit = WorkspaceEdit(workspace)
    edit.add_workflow(WORKFLOW)
    edit.put_card(SPECIALIST)
    written = edit.commit()
    assert [path.name for path in written] == ["befit.yaml", "triage.yaml"]
    catalog = load_catalog(workspace)
    assert catalog.cards["triage-specialist"] == SPECIALIST
    loaded = catalog.workflows["triage"]
    assert dataclasses.replace(loaded, version="") == WORKFLOW


def test_the_first_model_of_an_order_changes_and_comments_stay(write_workspace):
    workflow = "# mine\nescalation:\n  models: [big, person]  # try these\n  check: none\n"
    workspace = write_workspace(CONFIG, w=workflow)
    edit = WorkspaceEdit(workspace)
    edit.put_first_model("w", "small")
    edit.commit()
    text = (workspace.workflows_dir / "w.yaml").read_text()
    assert text == workflow.replace("[big, person]", "[small, big, person]")
    assert WorkspaceEdit(workspace).commit() == ()


def test_a_workflow_without_an_order_takes_the_given_rest(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    edit = WorkspaceEdit(workspace)
    edit.put_first_model("w", "small", rest=("big", "person"))
    edit.commit()
    assert load_catalog(workspace).workflows["w"].models == ("small", "big", "person")


def test_an_undeclared_class_is_changed_in_place(write_workspace):
    workspace = write_workspace("undeclared_class: internal  # asked at init\nmodels: {}\n")
    edit = WorkspaceEdit(workspace)
    edit.put_undeclared_class(DataClass.PUBLIC)
    edit.commit()
    expected = "undeclared_class: public  # asked at init\nmodels: {}\n"
    assert workspace.config_file.read_text() == expected


def test_a_change_that_makes_a_problem_is_not_written(write_workspace):
    workspace = write_workspace(CONFIG, w="instructions: x\n")
    edit = WorkspaceEdit(workspace)
    edit.put_first_model("w", "nobody")
    with pytest.raises(WorkspaceError, match="unknown model 'nobody'"):
        edit.commit()
    assert (workspace.workflows_dir / "w.yaml").read_text() == "instructions: x\n"


def test_a_problem_of_another_file_does_not_forbid_a_change(write_workspace):
    workspace = write_workspace(CONFIG, broken="labls: [x]\n")
    edit = WorkspaceEdit(workspace)
    edit.put_card(CARD)
    edit.commit()
    assert "fresh:" in workspace.config_file.read_text()


def test_a_broken_file_is_left_alone(write_workspace):
    workspace = write_workspace("models: [\n")
    with pytest.raises(WorkspaceError, match="YAML error"):
        WorkspaceEdit(workspace).put_card(CARD)
    assert workspace.config_file.read_text() == "models: [\n"


def test_a_file_changed_in_the_meantime_is_not_overwritten(write_workspace):
    workspace = write_workspace(CONFIG)
    edit = WorkspaceEdit(workspace)
    edit.put_card(CARD)
    workspace.config_file.write_text(CONFIG + "# the user's newest line\n")
    with pytest.raises(Conflict, match="try again"):
        edit.commit()
    assert workspace.config_file.read_text().endswith("# the user's newest line\n")


def test_of_two_edits_at_once_none_is_lost_silently(write_workspace):
    workspace = write_workspace(CONFIG)
    for turn in range(15):
        made: list[str] = []
        start = threading.Barrier(2)
        edits = {f"m{turn}-{one}": WorkspaceEdit(workspace) for one in "ab"}
        for name, edit in edits.items():
            edit.put_card(dataclasses.replace(CARD, name=name))

        def commit(name: str, edit: WorkspaceEdit, start=start, made=made) -> None:
            start.wait()
            try:
                edit.commit()
            except Conflict:
                return
            made.append(name)

        threads = [threading.Thread(target=commit, args=pair) for pair in edits.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert made
        assert set(made) <= load_catalog(workspace).cards.keys()


def test_an_edit_alone_is_of_the_files_as_who_came_before_left_them(write_workspace):
    workspace = write_workspace(CONFIG)
    has_come = threading.Event()
    names: list[set[str]] = []

    def wait() -> None:
        has_come.set()
        with WorkspaceEdit.alone(workspace) as edit:
            names.append(set(edit.preview().cards))

    with WorkspaceEdit.alone(workspace) as edit:
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert has_come.wait(timeout=60)
        edit.put_card(CARD)
        edit.commit()
    waiting.join(timeout=60)
    (found,) = names
    assert CARD.name in found


def test_names_that_lead_out_of_the_folder_are_refused(write_workspace):
    edit = WorkspaceEdit(write_workspace(CONFIG))
    for name in ("../x", "/etc/x", "a/b", "", ".hidden", "person"):
        with pytest.raises(InvalidRequest):
            edit.add_workflow(dataclasses.replace(WORKFLOW, name=name))
        with pytest.raises(InvalidRequest):
            edit.put_card(dataclasses.replace(CARD, name=name))


def test_a_workflow_that_exists_is_not_replaced(write_workspace):
    edit = WorkspaceEdit(write_workspace(CONFIG, triage="instructions: mine\n"))
    with pytest.raises(Conflict):
        edit.add_workflow(WORKFLOW)
    with pytest.raises(NotFound, match="did you mean 'triage'"):
        edit.put_first_model("triag", "small")


def test_a_linked_file_keeps_its_link_and_mode(write_workspace, tmp_path: Path):
    workspace = write_workspace(CONFIG)
    real = tmp_path / "shared.yaml"
    workspace.config_file.rename(real)
    real.chmod(0o640)
    workspace.config_file.symlink_to(real)
    edit = WorkspaceEdit(workspace)
    edit.put_card(CARD)
    edit.commit()
    assert workspace.config_file.is_symlink()
    assert "fresh:" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in workspace.root.iterdir() if path.suffix != ".yaml"] == [
        "workflows"
    ]


@pytest.mark.parametrize(
    ("text", "path", "value", "expected"),
    [
        ("models: {}\n", "models.b", {"via": "x"}, "models: {b: {via: x}}\n"),
        ("models:\n# hi\n", "models.b", 1, "models:\n  b: 1\n# hi\n"),
        ("a: 1", "b.c", "no", "a: 1\nb: {c: 'no'}\n"),
        ("a: |\n  x\n\nb: 1\n", "a", "y", "a: y\n\nb: 1\n"),
        ("e:\n  m:\n  - a\n  - b # keep\n", "e.m", ["x"], "e:\n  m: [x] # keep\n"),
        ("z:\nx: 1\n", "z", "d", "z: d\nx: 1\n"),
        ("'a': \"x\"  # c\n", "a", 2, "'a': 2  # c\n"),
    ],
)
def test_a_value_is_set_where_it_stands(text, path, value, expected):
    assert set_value(text, tuple(path.split(".")), value) == expected


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("e:\n  m:\n    - a\n    # why\n    - b\n", "e.m"),
        ("e: &a {x: 1}\nf: *a\n", "f.m"),
        ("e: text\n", "e.m.n"),
    ],
)
def test_what_would_lose_something_is_refused_with_the_line_to_write(text, path):
    with pytest.raises(WorkspaceError, match="write it yourself"):
        set_value(text, tuple(path.split(".")), ["x"])


_LINES = st.sampled_from(
    ["models:\n", "  a: {x: 1}  # c\n", "  b:\n    x: 1\n", "# note\n", "\n", "  # in\n", "c: |\n",
     "  text\n", "d: [1,\n  2]\n", "e:\n- 1\n", "f: &k {y: 1}\n", "g: *k\n", "h: 'q'\n",
     "models: {}\n", "  c: \"s\"\r\n", "i: >-\n  folded\n\n"]
)  # fmt: skip
_SCALARS = st.one_of(
    st.text(st.characters(exclude_characters="#", codec="utf-8"), max_size=8),
    st.integers(),
    st.booleans(),
    st.none(),
)


@given(
    st.lists(_LINES, max_size=12).map("".join),
    st.sampled_from([("models", "new"), ("models", "a"), ("models", "b", "x"), ("e",), ("z",)]),
    st.one_of(_SCALARS, st.lists(_SCALARS, max_size=3)),
)
def test_a_set_value_changes_that_value_and_keeps_every_comment(text, path, value):
    before = read_document(text.encode(), file="f")
    try:
        after = set_value(text, path, value)
    except BefitError:
        return
    assert after.count("#") >= text.count("#")
    document = read_document(after.encode(), file="f").value
    for step in path:
        document = document[step]
    assert document == value
    assert before.value is not None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_LINES, max_size=12).map("".join), st.text(max_size=6), st.integers(0, 60))
def test_a_mangled_file_is_changed_whole_or_not_at_all(write_workspace, text, noise, place):
    workspace = write_workspace()
    before = f"{text[:place]}{noise}{text[place:]}".encode(errors="replace")
    workspace.config_file.write_bytes(before)
    edit = WorkspaceEdit(workspace)
    try:
        edit.put_card(CARD)
        edit.commit()
    except BefitError:
        assert workspace.config_file.read_bytes() == before
        return
    after = read_document(workspace.config_file.read_bytes(), file="f").value
    was = read_document(before, file="f").value
    models = after.pop("models")
    assert models.pop("fresh")["model"] == CARD.upstream_model
    assert models == (was.pop("models", None) or {})
    assert after == was
