"""Loading a workspace: cards, workflows, versions, and every problem told at once."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.catalog import (
    SPOKEN,
    AnswerMode,
    Capability,
    CheckKind,
    Knowledge,
    Price,
    Via,
    Workspace,
    card_version,
    load_catalog,
    read_catalog,
    read_files,
)
from befit.catalog.files import WorkspaceFiles
from befit.errors import BefitError, NotFound, WorkspaceError
from befit.vocabulary import DataClass, Impact, SizeClass, Tag, Zone

CONFIG = """
models:
  smollm2-135m: {via: embedded, weights: smollm2-135m, size: small}
  big:
    via: openai
    model: gpt-4.1
    key: env:OPENAI_API_KEY
    size: large
    zone: external
    able: [write, plan]
    jurisdiction: us
    price:
      input_usd_per_million: "2.50"
      output_usd_per_million: 10
      source: https://example.org/prices
      as_of: 2026-01-02
"""

WORKFLOW = """
description: Sorts tickets.
instructions: Name the queue.
labels: {billing: money, access: passwords, no: other}
requirements:
  quality_bar: 0.9
  p95_ms: 800
  cost_ceiling_usd: "0.01"
  zones: [device, onprem]
  jurisdictions: [de, EU]
  highest_class: confidential
  able: [write]
impact: high
owner: support
escalation: {models: [smollm2-135m, big, person], check: {confidence: 0.8}}
data_class: internal
tags: [pii]
examples: [I was charged twice]
reviewers: [support-leads]
approval_expiry: 12h
"""


def _problems(workspace: Workspace) -> list[str]:
    return [str(problem) for problem in read_catalog(read_files(workspace)).problems]


def test_every_key_of_a_card_reaches_the_card(write_workspace):
    card = load_catalog(write_workspace(CONFIG)).find_card("big")
    assert card.via is Via.OPENAI
    assert card.upstream_model == "gpt-4.1"
    assert card.key_ref == "env:OPENAI_API_KEY"
    assert card.size is SizeClass.LARGE
    assert card.jurisdiction == "US"
    assert card.able == {"write", "plan"}
    assert card.capabilities == SPOKEN
    assert isinstance(card.cost, Price)
    assert card.cost.input_usd_per_million == Decimal("2.50")
    assert card.cost.output_usd_per_million == Decimal(10)


def test_every_key_of_a_workflow_reaches_the_workflow(write_workspace):
    workflow = load_catalog(write_workspace(CONFIG, triage=WORKFLOW)).find_workflow("triage")
    assert workflow.labels == ("billing", "access", "no")
    assert workflow.label_descriptions["access"] == "passwords"
    assert workflow.requirements.quality_bar == 0.9
    assert workflow.requirements.p95_latency_ms == 800
    assert workflow.requirements.cost_ceiling_usd == Decimal("0.01")
    assert workflow.requirements.zones == {Zone.DEVICE, Zone.ONPREM}
    assert workflow.requirements.jurisdictions == {"DE", "EU"}
    assert workflow.requirements.highest_class is DataClass.CONFIDENTIAL
    assert workflow.impact is Impact.HIGH
    assert workflow.model_order == ("smollm2-135m", "big")
    assert workflow.ends_at_person
    assert workflow.check.kind is CheckKind.CONFIDENCE
    assert workflow.check.min_confidence == 0.8
    assert workflow.data_class is DataClass.INTERNAL
    assert workflow.tags == {Tag.PII}
    assert workflow.approval_expiry_s == 12 * 3600
    assert workflow.profile is None


@pytest.mark.parametrize(
    ("workflow", "kind"),
    [
        ("labels: [a, b]", CheckKind.LABEL),
        ("output_schema: {type: object}", CheckKind.SCHEMA),
        ("instructions: x", CheckKind.NONE),
        ("labels: [a]\nescalation: {check: none}", CheckKind.NONE),
        ("escalation: {check: {named: totals}}", CheckKind.NAMED),
    ],
)
def test_what_a_workflow_promises_of_its_answers_is_checked_by_default(
    write_workspace, workflow, kind
):
    assert load_catalog(write_workspace(w=workflow)).workflows["w"].check.kind is kind


@pytest.mark.parametrize(
    ("entry", "zone"),
    [
        ("{via: embedded, weights: w, size: small}", Zone.DEVICE),
        ("{via: ollama, size: small}", Zone.DEVICE),
        ("{via: openai, size: small}", Zone.EXTERNAL),
        ('{via: vllm, size: small, url: "http://127.0.0.1:8000/v1"}', Zone.DEVICE),
        ('{via: vllm, size: small, url: "http://[::1]:8000/v1"}', Zone.DEVICE),
        ('{via: vllm, size: small, url: "http://gpu.example.org/v1"}', Zone.EXTERNAL),
        ('{via: vllm, size: small, url: "http://gpu.example.org", zone: onprem}', Zone.ONPREM),
        ('{via: vllm, size: small, url: "http://localhost:1", zone: external}', Zone.EXTERNAL),
    ],
)
def test_what_is_declared_decides_the_zone_else_the_safest_that_can_be(
    write_workspace, entry, zone
):
    assert load_catalog(write_workspace(f"models:\n  m: {entry}\n")).cards["m"].zone is zone


@pytest.mark.parametrize(
    "url",
    [
        "https://gpu.example.org",
        "http://127.0.0.1.example.org",
        "http://10.0.0.1",
        "http://localhost.example.org",
        "http://127.1",
        "http://2130706433",
        "http://0.0.0.0",
    ],
)
def test_a_remote_model_is_never_on_the_device(write_workspace, url):
    workspace = write_workspace(
        f'models:\n  m: {{via: vllm, size: small, zone: device, url: "{url}"}}\n'
    )
    assert "never zone `device`" in _problems(workspace)[0]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "http://",
        "http://user:pass@127.0.0.1",
        "http://127.0.0.1@example.org",
        "http://127.0.0.1\\\\@example.org",
        "http://127.0.0.1/v1?key=x",
        "http://127.0.0.1/v1#x",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://exa mple.org",
        "http://ex\u00e4mple.org",
    ],
)
def test_a_url_that_parsers_may_read_differently_is_refused(write_workspace, url):
    workspace = write_workspace(f'models:\n  m: {{via: vllm, size: small, url: "{url}"}}\n')
    problems = _problems(workspace)
    assert problems
    assert "pass" not in problems[0].replace("password", "")


@pytest.mark.parametrize(
    "key", ["sk-hunter2", "env:", "env:sk-hunter2", "hunter2", "file:", "ENV:hunter2", "12345678"]
)
def test_a_key_in_the_file_is_refused_without_being_shown(write_workspace, key):
    workspace = write_workspace(f"models:\n  m: {{via: openai, size: small, key: '{key}'}}\n")
    problems = _problems(workspace)
    assert "env:NAME or file:PATH" in problems[0]
    assert "hunter2" not in problems[0]
    with pytest.raises(WorkspaceError) as caught:
        load_catalog(workspace)
    assert "hunter2" not in str(caught.value)


def test_an_unknown_key_names_file_path_line_and_the_nearest_key(write_workspace):
    workspace = write_workspace(triage="instructions: x\nrequirements:\n  quality: 0.9\n")
    assert _problems(workspace) == [
        "unknown key 'quality' in workflows/triage.yaml at requirements.quality (line 3);"  # noqa: ISC004 - one message
        " did you mean 'quality_bar'?"
    ]


def test_all_problems_of_all_files_are_told_at_once(write_workspace):
    workspace = write_workspace(
        """
        models:
          a: {via: openia, size: small}
          b: {via: embedded, weights: w, size: small, zone: external}
          ../c: {via: ollama, size: small}
        """,
        one="escalation: {models: [a, smal, person]}\nlabls: [x]\n",
        two="escalation: {models: [person, b]}\n",
        three="output_schema: {type: objekt}\n",
    )
    told = "\n".join(_problems(workspace))
    for part in (
        "models.a.via",
        "models.b ",
        "models.../c",
        "did you mean 'openai'?",
        "did you mean 'labels'?",
        "`person` is the last resort",
        "not a JSON Schema",
    ):
        assert part in told
    with pytest.raises(WorkspaceError, match=r"more problem\(s\): `befit check`"):
        load_catalog(workspace)


def test_a_reference_to_an_unknown_model_names_the_nearest(write_workspace):
    workspace = write_workspace(CONFIG, w="escalation: {models: [smolm2-135m, person]}\n")
    assert _problems(workspace) == [
        "unknown model 'smolm2-135m' in workflows/w.yaml at escalation.models[0] (line 1);"  # noqa: ISC004 - one message
        " did you mean 'smollm2-135m'?"
    ]


def test_one_wrong_card_is_one_problem_not_one_a_reference(write_workspace):
    workspace = write_workspace("models: {a: {via: ollama}}\n", w="escalation: {models: [a]}\n")
    assert _problems(workspace) == ["missing key 'size' in befit.yaml at models.a.size (line 1)"]


def test_a_model_that_cannot_answer_is_no_step_of_a_workflow(write_workspace):
    workspace = write_workspace(
        "models: {e: {via: embedded, weights: w, size: small, capabilities: [embeddings]}}\n",
        w="escalation: {models: [e]}\n",
    )
    assert "neither chats nor labels" in _problems(workspace)[0]


_DOCUMENTS = """
description: Ask the handbook.
knowledge: {collections: [handbook, travel-2], mode: write, passages: 8}
escalation: {models: [big, e]}
"""
_WITH_EMBEDDER = (
    "models:\n"
    "  e: {via: embedded, weights: w, size: small, capabilities: [embeddings]}\n"
    "  big: {via: openai, model: m, key: 'env:K', size: large, zone: external}\n"
)


def test_a_workflow_says_what_it_answers_from(write_workspace):
    workspace = write_workspace(_WITH_EMBEDDER, w=_DOCUMENTS, bare="knowledge: {}\n")
    catalog = load_catalog(workspace)
    assert catalog.find_workflow("w").knowledge == Knowledge(
        collections=("handbook", "travel-2"), mode=AnswerMode.WRITE, passages=8
    )
    assert catalog.find_workflow("bare").knowledge == Knowledge()
    assert catalog.contents["w"] == (
        '{"description":"Ask the handbook.","escalation":{"models":["big","e"]},"knowledge":'
        '{"collections":["handbook","travel-2"],"mode":"write","passages":8}}'
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("knowledge: {colections: [a]}", "did you mean 'collections'?"),
        ("knowledge: {collections: [a, a]}", "a collection stands twice"),
        ("knowledge: {collections: ['../a']}", "make a name"),
        ("knowledge: {mode: guess}", "it must be 'quote' or 'write'"),
        ("knowledge: {passages: 0}", "greater than or equal to 1"),
        ("knowledge: {}\nlabels: [a]", "text with citations"),
        ("knowledge: {}\noutput_schema: {type: object}", "text with citations"),
        ("knowledge: {}\nescalation: {models: [big]}", "quoted by an embedder"),
    ],
)
def test_what_it_cannot_answer_from_documents_is_told(write_workspace, text, told):
    assert told in _problems(write_workspace(_WITH_EMBEDDER, w=text))[0]


def test_a_specialist_of_other_labels_is_no_step_of_a_workflow(write_workspace):
    artefact = f"sha256:{'0' * 64}"
    config = f"""
        models:
          s:
            via: embedded
            weights: minilm-l6
            size: small
            specialist: {{workflow: w, artefact: "{artefact}", labels: [a, oos, z]}}
    """
    workspace = write_workspace(config, w="labels: [a, b]\nescalation: {models: [s]}\n")
    assert "such as 'z'" in _problems(workspace)[0]
    workspace = write_workspace(config.replace(", z", ""), w="labels: [a, b]\n")
    card = load_catalog(workspace).cards["s"]
    assert card.capabilities == {Capability.LABELS}
    assert card.specialist.labels == ("a", "oos")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("labels: [a, a]", "a label stands twice"),
        ("labels: [1, b]", "put it in quotes"),
        ("labels: ['']", "one line"),
        ("escalation: {check: label}", "need `labels`"),
        ("escalation: {check: {confidence: 0.5}}", "need `labels`"),
        ("escalation: {check: schema}", "needs an `output_schema`"),
        ("escalation: {check: labels}", "'label'"),
        ("escalation: {check: {}}", "one of schema, label"),
        ("escalation: {check: {confidence: 2}}", "less than or equal to 1"),
        ("approval_expiry: 7 days", "written like 30m, 12h or 7d"),
        ("approval_expiry: 0d", "written like"),
        ("data_class: secret", "none of public, internal"),
        ("data_class: restricted\nrequirements: {highest_class: public}", "lies above"),
        ("requirements: {cost_ceiling_usd: -1}", "greater than 0"),
        ("requirements: {cost_ceiling_usd: .nan}", "out of range"),
        ("requirements: 5", "a mapping"),
        ("examples: x", "a list"),
        ("owner: 5", "put it in quotes"),
        ("output_schema: {$ref: 'http://example.org/s.json'}", "begin with `#`"),
        ("output_schema: {$ref: '#/$defs/x'}", "leads nowhere"),
        ("output_schema: {$schema: 'http://json-schema.org/draft-07/schema#'}", "2020-12"),
        ("output_schema: {pattern: '('}", "not a JSON Schema"),
    ],
)
def test_a_wrong_value_says_what_it_must_be(write_workspace, text, part):
    problems = _problems(write_workspace(w=text))
    assert len(problems) == 1
    assert part in problems[0]


@pytest.mark.parametrize("name", ["a b", "auto", "person", "x" * 65, "-x"])
def test_a_file_name_that_is_no_name_is_refused(write_workspace, name):
    workspace = write_workspace()
    (workspace.workflows_dir / f"{name}.yaml").write_text("instructions: x\n")
    assert "a wrong file name" in _problems(workspace)[0]


def test_what_an_editor_keeps_beside_a_file_is_not_read(write_workspace):
    workspace = write_workspace(triage="instructions: x\n")
    for name in (".triage.yaml.swp", ".#triage.yaml", "triage.yaml~", "README.md"):
        (workspace.workflows_dir / name).write_text("][")
    assert set(load_catalog(workspace).workflows) == {"triage"}


def test_a_file_ending_in_yml_is_not_silently_ignored(write_workspace):
    workspace = write_workspace()
    (workspace.workflows_dir / "triage.yml").write_text("instructions: x\n")
    assert "rename it to end in .yaml" in _problems(workspace)[0]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("policies/house.CEDAR", "a file that is not read in policies/house.CEDAR; rename it"),
        ("policies/b.cedar.txt", "end in .cedar, or move it out of policies/"),
        ("policies/table.yaml", "a file that is not read in policies/table.yaml"),
        ("policies/eu/house.cedar", "a folder that is not read in policies/eu; move its files"),
        ("workflows/triage.YAML", "a file that is not read in workflows/triage.YAML; rename it"),
        ("workflows/old/triage.yaml", "a folder that is not read in workflows/old"),
    ],
)
def test_what_would_not_be_read_is_told_with_what_to_do(write_workspace, name: str, told: str):
    workspace = write_workspace()
    path = workspace.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("instructions: x\n")
    (problem,) = _problems(workspace)
    assert told in problem


@pytest.mark.parametrize("folder", ["policies", "workflows"])
def test_a_folder_that_links_to_nothing_or_is_a_file_is_a_problem(write_workspace, folder: str):
    workspace = write_workspace()
    path = workspace.root / folder
    if path.exists():
        path.rmdir()
    assert not _problems(workspace)
    path.symlink_to(workspace.root / "gone")
    (problem,) = _problems(workspace)
    assert f"in {folder}/; " in problem
    assert "mend what it links to" in problem
    path.unlink()
    path.write_text("a file")
    assert f"in {folder}/; " in _problems(workspace)[0]


def test_not_found_names_the_nearest(write_workspace):
    catalog = load_catalog(write_workspace(CONFIG, triage="instructions: x\n"))
    with pytest.raises(NotFound, match="did you mean 'triage'"):
        catalog.find_workflow("traige")
    with pytest.raises(NotFound, match="did you mean 'big'"):
        catalog.find_card("bigg")


def test_a_version_changes_with_what_is_said_not_with_how(write_workspace):
    def version(text: str) -> str:
        return load_catalog(write_workspace(CONFIG, w=text)).workflows["w"].version

    first = version("instructions: x\nrequirements: {quality_bar: 0.5, p95_ms: 9}\n")
    same = "# why\nrequirements:\n  p95_ms: 9\n  quality_bar: 0.50\ninstructions: 'x'\n"
    assert version(same) == first
    assert version(same.replace("'x'", "y")) != first
    assert version(same.replace("0.50", "0.51")) != first


def test_the_kept_content_of_a_version_loads_as_that_version(write_workspace):
    catalog = load_catalog(write_workspace(CONFIG, triage=WORKFLOW))
    again = load_catalog(write_workspace(CONFIG, triage=catalog.contents["triage"]))
    assert again.workflows["triage"] == catalog.workflows["triage"]


def test_the_order_inside_a_schema_counts(write_workspace):
    def version(properties: str) -> str:
        text = f"output_schema: {{type: object, properties: {{{properties}}}}}\n"
        return load_catalog(write_workspace(w=text)).workflows["w"].version

    assert version("a: {}, b: {}") != version("b: {}, a: {}")


def test_the_catalog_version_follows_every_field_of_a_card(write_workspace):
    first = load_catalog(write_workspace(CONFIG)).version
    assert load_catalog(write_workspace(CONFIG)).version == first
    assert load_catalog(write_workspace(CONFIG.replace("2.50", "2.51"))).version != first
    assert load_catalog(write_workspace(CONFIG.replace("write, plan", "write"))).version != first


def test_a_card_version_follows_what_decides_its_answers(write_workspace):
    card = load_catalog(write_workspace(CONFIG)).cards["big"]
    first = card_version(card)
    assert card_version(dataclasses.replace(card, cost=None, zone=Zone.ONPREM)) == first
    assert card_version(dataclasses.replace(card, upstream_model="gpt-5.4")) != first
    assert card_version(dataclasses.replace(card, url="http://127.0.0.1:1")) != first


_PARTS = st.sampled_from(
    ["models", "via", "size", "ollama", "small", "key", "labels", "escalation", "check", "url",
     "requirements", "zones", "sk-1", "env:A", "1", "0.5", "true", "null", "[", "]", "{", "}",
     ": ", ", ", "\n", "  ", "- ", "'", '"', "&a ", "*a", "!!set ", "| ", "#", "output_schema",
     "$ref", "type", "object", "\\ud800"]
)  # fmt: skip


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PARTS, max_size=25).map("".join), st.lists(_PARTS, max_size=25).map("".join))
def test_mangled_files_only_ever_make_problems(config: str, workflow: str):
    files = WorkspaceFiles(
        texts={"befit.yaml": config.encode(), "workflows/w.yaml": workflow.encode()}
    )
    reading = read_catalog(files)
    assert (reading.catalog is None) == bool(reading.problems)
    assert all("sk-1" not in problem.what for problem in reading.problems if "key" in problem.path)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_changed_character_never_crashes_loading(data: st.DataObject):
    def mangled(text: str) -> bytes:
        place = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 5))
        return (text[:place] + data.draw(st.text(max_size=4)) + text[place + cut :]).encode(
            errors="replace"
        )

    files = WorkspaceFiles(
        texts={"befit.yaml": mangled(CONFIG), "workflows/w.yaml": mangled(WORKFLOW)}
    )
    try:
        reading = read_catalog(files)
    except BefitError:
        return
    assert (reading.catalog is None) == bool(reading.problems)
