"""The settings of a workspace: every section of `befit.yaml` beside its models.

    settings = load_settings(workspace)           # raises WorkspaceError
    examination = examine_workspace(workspace)    # every problem, for `befit check`

The catalog owns `models`; this page owns the rest and checks the file as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from befit.catalog import (
    ACCESS_FILE,
    ActivationRule,
    Catalog,
    CatalogReading,
    ClassWord,
    Document,
    Entry,
    Name,
    Problem,
    Workspace,
    problems_as_error,
    read_catalog,
    read_files,
    validated,
)
from befit.errors import nearest
from befit.knowledge.access import AccessRules, read_access_rules
from befit.policy import PolicyChoice, RuleSet
from befit.settings.audit import AuditEntry, AuditSettings
from befit.settings.detection import DetectionEntry, DetectionSettings, detection_problems
from befit.settings.identity import IdentityEntry, IdentitySettings, identity_problems
from befit.settings.policy import PolicyEntry, examine_policies
from befit.vocabulary import BudgetPeriod, DataClass


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetLimit:
    """The most that may be spent in one period."""

    usd: Decimal
    period: BudgetPeriod


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetSettings:
    """Limits by workflow, and the limit of a key that is created without one."""

    workflows: Mapping[str, BudgetLimit]
    keys: BudgetLimit | None


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewaySettings:
    """Where `befit serve` listens, and how much it takes on at once.

    Attributes:
        port: 0 lets the system choose a free one.
        drain_s: how long open answers may take to end once it is told to stop.
    """

    host: str
    port: int
    max_body_bytes: int
    max_concurrent: int
    drain_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What `befit.yaml` says beside its models.

    Attributes:
        undeclared_class: the data class of a request that declares none.
        activation: whose word lets a model or a workflow serve.
        storage_url: the database, always given.
    """

    undeclared_class: DataClass
    activation: ActivationRule
    budgets: BudgetSettings
    storage_url: str
    gateway: GatewaySettings
    identity: IdentitySettings
    policy: PolicyChoice
    detection: DetectionSettings
    audit: AuditSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """A workspace as `befit check` sees it; `settings`, `catalog`, `rules` and `access` stand
    where no problem keeps them from being used."""

    settings: Settings | None
    catalog: Catalog | None
    rules: RuleSet | None
    access: AccessRules | None
    problems: tuple[Problem, ...]


class BudgetEntry(Entry):
    """`{usd, period}`."""

    usd: Annotated[Decimal, Field(ge=0, max_digits=20)]
    period: BudgetPeriod = BudgetPeriod.TOTAL

    def limit(self) -> BudgetLimit:
        """The entry as a value."""
        return BudgetLimit(usd=self.usd, period=self.period)


class BudgetsEntry(Entry):
    """The section `budgets`."""

    workflows: dict[Name, BudgetEntry] = Field(default_factory=dict[str, BudgetEntry])
    keys: BudgetEntry | None = None


def _checked_database(url: str) -> str:
    # The URL is not quoted: people put a password in it.
    if not url.startswith("sqlite:///") or len(url) == len("sqlite:///"):
        raise ValueError("the database is a file, written like sqlite:////srv/befit/befit.db")
    return url


class StorageEntry(Entry):
    """The section `storage`."""

    url: Annotated[str, AfterValidator(_checked_database)] | None = None


class GatewayEntry(Entry):
    """The section `gateway`."""

    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]+$", max_length=253)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8484
    max_body_mb: Annotated[float, Field(gt=0, le=1024)] = 10
    max_concurrent: Annotated[int, Field(gt=0, le=100_000)] = 256
    drain_s: Annotated[float, Field(ge=0, le=3600)] = 30


class SettingsFile(Entry):
    """The keys of `befit.yaml`."""

    version: Literal[1] = 1
    undeclared_class: ClassWord = DataClass.INTERNAL
    activation: ActivationRule = ActivationRule.DECLARED
    models: Any = None  # checked by the catalog, which owns it
    budgets: BudgetsEntry = BudgetsEntry()
    storage: StorageEntry = StorageEntry()
    gateway: GatewayEntry = GatewayEntry()
    identity: IdentityEntry = IdentityEntry()
    policy: PolicyEntry = PolicyEntry()
    detection: DetectionEntry = DetectionEntry()
    audit: AuditEntry = AuditEntry()


def load_settings(workspace: Workspace) -> Settings:
    """The settings of a workspace.

    Raises:
        WorkspaceError: naming the first problem and how many more there are.
    """
    examination = examine_workspace(workspace)
    if examination.settings is None:
        raise problems_as_error(examination.problems)
    return examination.settings


def examine_workspace(workspace: Workspace) -> Examination:
    """Read everything that the user wrote and collect every problem of it."""
    return examine_reading(read_catalog(read_files(workspace)), workspace)


def examine_reading(reading: CatalogReading, workspace: Workspace) -> Examination:
    """Collect every problem of files that have been read already."""
    problems = list(reading.problems)
    settings: Settings | None = None
    document = reading.config
    if document is not None and document.value is not None:
        entry, faults = validated(SettingsFile, document.value, document)
        problems += faults
        if entry is not None:
            settings = _settings(entry, workspace)
            problems += identity_problems(settings.identity, document)
            problems += detection_problems(settings.detection, document)
            if reading.catalog is not None:
                problems += _unknown_workflows(settings, reading.catalog, document)
                problems += _unknown_tenants(settings, reading.catalog, reading)
    choice = settings.policy if settings else PolicyChoice()
    policies = examine_policies(reading.policy_files, choice, document)
    problems += policies.problems
    access = read_access_rules(reading.access_file, file=ACCESS_FILE)
    problems += access.problems
    return Examination(
        settings=None if problems else settings,
        catalog=reading.catalog,
        rules=policies.rules,
        access=access.rules,
        problems=tuple(problems),
    )


def _settings(entry: SettingsFile, workspace: Workspace) -> Settings:
    budgets, gateway = entry.budgets, entry.gateway
    limits = {name: budget.limit() for name, budget in budgets.workflows.items()}
    return Settings(
        undeclared_class=entry.undeclared_class,
        activation=entry.activation,
        budgets=BudgetSettings(
            workflows=MappingProxyType(limits),
            keys=budgets.keys.limit() if budgets.keys else None,
        ),
        storage_url=entry.storage.url or f"sqlite:///{workspace.db_path}",
        gateway=GatewaySettings(
            host=gateway.host,
            port=gateway.port,
            max_body_bytes=int(gateway.max_body_mb * 1_000_000),
            max_concurrent=gateway.max_concurrent,
            drain_s=gateway.drain_s,
        ),
        identity=entry.identity.settings(),
        policy=entry.policy.settings(),
        detection=entry.detection.settings(),
        audit=entry.audit.settings(),
    )


def _unknown_workflows(
    settings: Settings, catalog: Catalog, document: Document
) -> Iterator[Problem]:
    for name in settings.budgets.workflows:
        if name not in catalog.workflows:
            hint = nearest(name, catalog.workflows) or f"add workflows/{name}.yaml"
            yield document.problem(
                f"unknown workflow {name!r}", ("budgets", "workflows", name), next_step=hint
            )


def _unknown_tenants(
    settings: Settings, catalog: Catalog, reading: CatalogReading
) -> Iterator[Problem]:
    config = reading.config
    places = [(card.tenants, config, ("models", name)) for name, card in catalog.cards.items()]
    places += [
        (workflow.tenants, reading.workflow_documents[name], ())
        for name, workflow in catalog.workflows.items()
    ]
    known = settings.identity.tenants
    for named, document, at in places:
        for tenant in sorted(named.difference(known)):
            if document is not None:
                hint = nearest(tenant, known) or "add it under `identity.tenants` in befit.yaml"
                yield document.problem(
                    f"unknown tenant {tenant!r}", (*at, "tenants"), next_step=hint
                )
