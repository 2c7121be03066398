"""The settings of `befit.yaml`: every section, its defaults, and all problems at once."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from befit.catalog import ActivationRule, Workspace
from befit.errors import WorkspaceError
from befit.settings import examine_workspace, load_settings
from befit.vocabulary import BudgetPeriod, DataClass


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "triage.yaml").write_text("instructions: x\n")
    (tmp_path / "befit.yaml").write_text("models: {}\n")
    return Workspace(tmp_path)


def test_an_empty_workspace_has_safe_settings(workspace: Workspace):
    settings = load_settings(workspace)
    assert settings.undeclared_class is DataClass.INTERNAL
    assert settings.storage_url == f"sqlite:///{workspace.db_path}"
    assert settings.gateway.host == "127.0.0.1"
    assert settings.budgets.keys is None


def test_every_section_is_read(workspace: Workspace):
    workspace.config_file.write_text(
        """
version: 1
undeclared_class: confidential
models: {}
budgets:
  keys: {usd: "5.50", period: day}
  workflows: {triage: {usd: 100}}
storage: {url: "sqlite:////srv/befit/befit.db"}
gateway: {host: 0.0.0.0, port: 0, max_body_mb: 0.5, max_concurrent: 9, drain_s: 2}
"""
    )
    settings = load_settings(workspace)
    assert settings.undeclared_class is DataClass.CONFIDENTIAL
    assert settings.budgets.keys is not None
    assert settings.budgets.keys.usd == Decimal("5.50")
    assert settings.budgets.keys.period is BudgetPeriod.DAY
    assert settings.budgets.workflows["triage"].period is BudgetPeriod.TOTAL
    assert settings.storage_url == "sqlite:////srv/befit/befit.db"
    assert settings.gateway.max_body_bytes == 500_000
    assert settings.gateway.drain_s == 2


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("gatway: {}", "unknown key 'gatway' in befit.yaml at gatway (line 1); did you mean"),
        ("gateway: {prt: 1}", "at gateway.prt (line 1); did you mean 'port'?"),
        ("gateway: {port: 70000}", "less than or equal to 65535"),
        ("gateway: {host: 'a b'}", "gateway.host"),
        ("budgets: {keys: {usd: -1}}", "greater than or equal to 0"),
        ("budgets: {keys: {usd: 1, perod: day}}", "did you mean 'period'?"),
        ("budgets: {workflows: {triage: {usd: 1, perod: day}}}", "did you mean 'period'?"),
        ("budgets: {workflows: {triag: {usd: 1}}}", "did you mean 'triage'?"),
        ("budgets: {keys: {usd: 1, period: week}}", "'total', 'day' or 'month'"),
        ("version: 2", "it must be 1"),
        ("undeclared_class: secret", "none of public"),
        ("storage: {url: 'postgresql://u:hunter2@h/d'}", "the database is a file"),
        ("models: 5", "a mapping of names"),
        ("- a", "no mapping"),
        ("", "nothing in befit.yaml"),
    ],
)
def test_a_wrong_setting_is_told_with_its_place(workspace: Workspace, text: str, part: str):
    workspace.config_file.write_text(text)
    examination = examine_workspace(workspace)
    assert len(examination.problems) == 1
    assert part in str(examination.problems[0])
    assert "hunter2" not in str(examination.problems[0])
    assert examination.settings is None
    with pytest.raises(WorkspaceError):
        load_settings(workspace)


def test_problems_of_settings_and_catalog_are_told_together(workspace: Workspace):
    workspace.config_file.write_text("gatway: {}\nmodels: {a: {via: ollama}}\n")
    (workspace.workflows_dir / "triage.yaml").write_text("labls: []\n")
    files = {problem.file for problem in examine_workspace(workspace).problems}
    assert len(examine_workspace(workspace).problems) == 3
    assert files == {"befit.yaml", "workflows/triage.yaml"}


def test_a_missing_befit_yaml_is_a_problem_not_a_crash(workspace: Workspace):
    workspace.config_file.unlink()
    assert "befit.yaml" in str(examine_workspace(workspace).problems[0])


def test_a_tenant_that_is_not_there_is_told_with_its_place_and_the_nearest(workspace: Workspace):
    workspace.config_file.write_text(
        "identity: {tenants: [clinic]}\n"
        "models:\n  m: {via: ollama, size: small, tenants: [clinik]}\n"
    )
    file = workspace.workflows_dir / "triage.yaml"
    file.write_text("instructions: x\ntenants: [clinic, ward]\n")
    told = [str(problem) for problem in examine_workspace(workspace).problems]
    assert told == [
        (
            "unknown tenant 'clinik' in befit.yaml at models.m.tenants (line 3); "
            "did you mean 'clinic'?"
        ),
        (
            "unknown tenant 'ward' in workflows/triage.yaml at tenants (line 2); "
            "add it under `identity.tenants` in befit.yaml"
        ),
    ]


def test_activation_is_declared_unless_it_is_to_be_recorded(workspace: Workspace):
    assert load_settings(workspace).activation is ActivationRule.DECLARED
    workspace.config_file.write_text("activation: recorded\nmodels: {}\n")
    assert load_settings(workspace).activation is ActivationRule.RECORDED


def test_retention_is_kept_in_days_by_class(workspace: Workspace):
    assert load_settings(workspace).audit.retention_days == {}
    workspace.config_file.write_text(
        "audit:\n  retention: {public: 90d, restricted: 7y, undetermined: 1y}\nmodels: {}\n"
    )
    days = load_settings(workspace).audit.retention_days
    assert days == {DataClass.PUBLIC: 90, DataClass.RESTRICTED: 2555, None: 365}


@pytest.mark.parametrize("kept", ["0d", "90", "3h", "-1d", "1.5y", "soon"])
def test_a_time_that_nothing_can_be_kept_for_is_a_problem(workspace: Workspace, kept: str):
    workspace.config_file.write_text(f"audit: {{retention: {{public: '{kept}'}}}}\nmodels: {{}}\n")
    (problem,) = examine_workspace(workspace).problems
    assert "audit.retention.public" in str(problem)
    assert "90d or 7y" in str(problem)
