"""The gate: what exactly was activated serves, and nothing that has changed since."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from befit.catalog import (
    Activation,
    ActivationBook,
    ActivationRule,
    Catalog,
    ItemKind,
    ModelCard,
    Stage,
    Via,
    Workflow,
    WorkspaceEdit,
    card_of,
    content_of,
    gated,
    kind_of,
    load_catalog,
    release_of,
    stage_fault,
)
from befit.errors import Conflict, NotFound
from befit.vocabulary import SizeClass, Zone

CONFIG = """
# Ours.
models:
  big: {via: openai, size: large, zone: external}  # the large one
  small: {via: ollama, size: small, stage: proposed}
"""
TRIAGE = "instructions: Sort.\nescalation: {models: [big]}  # for now\n"


def act(item: ModelCard | Workflow, *, tenant: str = "default", stage: Stage = Stage.APPROVED):
    return Activation(
        tenant=tenant,
        kind=kind_of(item),
        name=item.name,
        release=release_of(item),
        stage=stage,
        content=content_of(item),
        by="local:admin",
        event="admin_1",
        at=1.0,
    )


def recorded(catalog: Catalog, *acts: Activation) -> Catalog:
    return gated(catalog, ActivationRule.RECORDED, ActivationBook(acts))


@pytest.fixture
def catalog(write_workspace) -> Catalog:
    return load_catalog(write_workspace(CONFIG, triage=TRIAGE))


def test_the_files_word_counts_unless_activations_are_recorded(catalog):
    assert gated(catalog, ActivationRule.DECLARED, ActivationBook()) is catalog


def test_what_nobody_activated_is_proposed_and_says_what_to_do(catalog):
    passed = recorded(catalog)
    big, triage = passed.cards["big"], passed.workflows["triage"]
    assert (big.stage, big.awaits_activation) == (Stage.PROPOSED, True)
    assert (triage.stage, triage.awaits_activation) == (Stage.PROPOSED, True)
    assert "befit models promote big" in (stage_fault(big) or "")
    assert release_of(big)[:12] in (stage_fault(big) or "")
    assert "befit workflows activate triage" in (stage_fault(triage) or "")
    assert passed.version != catalog.version


def test_what_was_activated_serves(catalog):
    big, triage = catalog.cards["big"], catalog.workflows["triage"]
    passed = recorded(catalog, act(big), act(triage))
    assert (passed.cards["big"], passed.workflows["triage"]) == (big, triage)
    assert stage_fault(passed.cards["big"]) is None


def test_an_activation_raises_nothing_that_its_file_calls_proposed(catalog):
    small = catalog.cards["small"]
    assert recorded(catalog, act(small)).cards["small"].stage is Stage.PROPOSED
    assert not recorded(catalog, act(small)).cards["small"].awaits_activation


@pytest.mark.parametrize(
    "change",
    [
        {"zone": Zone.ONPREM},
        {"jurisdiction": "DE"},
        {"url": "http://elsewhere.example.org"},
        {"able": frozenset({"write"})},
        {"tenants": frozenset({"default"})},
        {"owner": "somebody"},
        {"key_ref": "env:OTHER"},
        {"total_timeout_s": 1.0},
        {"context_window": 10},
        {"parameters_billion": Decimal(3)},
    ],
)
def test_any_edit_of_a_card_demotes_it(catalog, change):
    big = catalog.cards["big"]
    edited = replace(catalog, cards={**catalog.cards, "big": replace(big, **change)})
    assert recorded(edited, act(big)).cards["big"].awaits_activation


def test_any_edit_of_a_workflow_demotes_it_its_tenants_included(write_workspace):
    first = load_catalog(write_workspace(CONFIG, triage=TRIAGE)).workflows["triage"]
    for more in ("impact: high\n", "purposes: [answer]\n", "tenants: [default]\n"):
        edited = load_catalog(write_workspace(CONFIG, triage=TRIAGE + more))
        assert recorded(edited, act(first)).workflows["triage"].awaits_activation


def test_comments_and_the_stage_itself_demote_nothing(write_workspace):
    first = load_catalog(write_workspace(CONFIG, triage=TRIAGE))
    acts = [act(first.cards["big"]), act(first.workflows["triage"])]
    written = CONFIG.replace("# Ours.", "# Yours.").replace(
        "external}", "external, stage: approved}"
    )
    again = load_catalog(write_workspace(written, triage="# Hm.\nstage: approved\n" + TRIAGE))
    passed = recorded(again, *acts)
    assert passed.cards["big"].stage is Stage.APPROVED
    assert passed.workflows["triage"].stage is Stage.APPROVED


def test_only_the_newest_act_counts(catalog):
    big = catalog.cards["big"]
    other = replace(big, jurisdiction="US")
    retired = act(big, stage=Stage.RETIRED)
    assert recorded(catalog, act(big), act(other)).cards["big"].awaits_activation
    assert recorded(catalog, act(big), retired).cards["big"].awaits_activation
    assert not recorded(catalog, retired, act(big)).cards["big"].awaits_activation


def test_only_the_tenants_in_charge_activate(catalog):
    big = catalog.cards["big"]
    assert recorded(catalog, act(big, tenant="b")).cards["big"].awaits_activation
    own = replace(big, tenants=frozenset({"b"}))
    theirs = replace(catalog, cards={**catalog.cards, "big": own})
    assert recorded(theirs, act(own)).cards["big"].awaits_activation
    assert not recorded(theirs, act(own, tenant="b")).cards["big"].awaits_activation


def test_another_tenants_act_undoes_nothing(catalog):
    big = catalog.cards["big"]
    meddling = act(big, tenant="b", stage=Stage.RETIRED)
    assert not recorded(catalog, act(big), meddling).cards["big"].awaits_activation


CARDS = st.builds(
    ModelCard,
    name=st.just("m"),
    family=st.sampled_from(["m", "qwen"]),
    size=st.sampled_from(SizeClass),
    via=st.just(Via.OPENAI),
    zone=st.sampled_from([Zone.ONPREM, Zone.EXTERNAL]),
    upstream_model=st.sampled_from(["m", "n"]),
    jurisdiction=st.sampled_from([None, "DE"]),
    able=st.frozensets(st.sampled_from(["write", "plan"])),
    owner=st.sampled_from(["", "team"]),
    tenants=st.frozensets(st.sampled_from(["default", "b"])),
    stage=st.sampled_from(Stage),
)


@given(CARDS, CARDS)
def test_a_release_names_all_that_a_card_says_but_its_stage(one, other):
    same = replace(one, stage=other.stage) == other
    assert (release_of(one) == release_of(other)) is same


@given(card=CARDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_what_was_activated_is_what_the_written_file_says(write_workspace, card):
    workspace = write_workspace("models: {}\n")
    edit = WorkspaceEdit(workspace)
    edit.put_card(card)
    declared = edit.preview().find_card("m")
    edit.commit()
    assert (
        release_of(declared) == release_of(card) == release_of(load_catalog(workspace).cards["m"])
    )


@given(CARDS)
def test_a_release_comes_back_as_the_approved_card_it_was(card):
    assert card_of(act(card)) == replace(card, stage=Stage.APPROVED)


def test_a_release_that_this_befit_does_not_read_is_told(catalog):
    odd = replace(
        act(catalog.cards["big"]), content='{"via": "openai", "size": "large", "warp": 9}'
    )
    with pytest.raises(Conflict, match="cannot be read any more"):
        card_of(odd)


def test_a_stage_is_written_and_everything_else_left_alone(write_workspace):
    workspace = write_workspace(CONFIG, triage=TRIAGE)
    edit = WorkspaceEdit(workspace)
    edit.put_stage(ItemKind.MODEL, "big", Stage.RETIRED)
    edit.put_stage(ItemKind.MODEL, "small", Stage.APPROVED)
    edit.put_stage(ItemKind.WORKFLOW, "triage", Stage.PROPOSED)
    edit.commit()
    config = workspace.config_file.read_text()
    assert "big: {via: openai, size: large, zone: external, stage: retired}  # the large" in config
    assert "# Ours." in config
    assert "# for now" in (workspace.workflows_dir / "triage.yaml").read_text()
    loaded = load_catalog(workspace)
    assert loaded.cards["big"].stage is Stage.RETIRED
    assert loaded.cards["small"].stage is Stage.APPROVED
    assert loaded.workflows["triage"].stage is Stage.PROPOSED


def test_a_stage_that_is_so_already_writes_nothing(write_workspace):
    edit = WorkspaceEdit(write_workspace(CONFIG, triage=TRIAGE))
    edit.put_stage(ItemKind.MODEL, "big", Stage.APPROVED)
    edit.put_stage(ItemKind.WORKFLOW, "triage", Stage.APPROVED)
    assert edit.commit() == ()


@pytest.mark.parametrize("kind", list(ItemKind))
def test_no_stage_is_written_of_what_is_not_there(write_workspace, kind):
    with pytest.raises(NotFound):
        WorkspaceEdit(write_workspace(CONFIG)).put_stage(kind, "huge", Stage.APPROVED)


def test_stage_and_tenants_are_no_part_of_a_version_and_make_a_new_catalog(write_workspace):
    first = load_catalog(write_workspace(CONFIG, triage=TRIAGE))
    for more in ("stage: retired\n", "tenants: [default]\n"):
        other = load_catalog(write_workspace(CONFIG, triage=TRIAGE + more))
        assert other.workflows["triage"].version == first.workflows["triage"].version
        assert other.contents == first.contents
        assert other.version != first.version
    narrowed = load_catalog(write_workspace(CONFIG, triage=TRIAGE + "purposes: [answer]\n"))
    assert narrowed.workflows["triage"].version != first.workflows["triage"].version
