"""What can be used: model cards, prices, lifecycle stages and workflow definitions."""

from befit.catalog.activation import (
    Activation,
    ActivationBook,
    ActivationRule,
    ActivationStore,
    ItemKind,
    card_of,
    content_of,
    gated,
    kind_of,
    release_of,
    short_digest,
    stage_fault,
    stage_in_words,
    tenants_in_charge,
)
from befit.catalog.address import is_loopback, url_fault
from befit.catalog.card import (
    SPOKEN,
    Capability,
    InfrastructureCost,
    ModelCard,
    Price,
    SpecialistRef,
    Via,
)
from befit.catalog.catalog import Catalog, card_version
from befit.catalog.document import Document, read_document
from befit.catalog.entry import ClassWord, Duration, Entry, Name, duration_s
from befit.catalog.files import ACCESS_FILE, read_files, read_policy_files
from befit.catalog.load import CatalogReading, load_catalog, read_catalog
from befit.catalog.problem import Problem, problems_as_error
from befit.catalog.reference import ReferenceCard, reference_cards, reference_for
from befit.catalog.source import CatalogSource, Examined, Reload
from befit.catalog.stage import Stage
from befit.catalog.stores import Evaluation, EvaluationStore, WorkflowVersionStore
from befit.catalog.template import write_template
from befit.catalog.validation import validated
from befit.catalog.workflow import (
    PERSON,
    AnswerMode,
    Breadth,
    Check,
    CheckKind,
    Knowledge,
    Requirements,
    TaskProfile,
    Workflow,
)
from befit.catalog.workspace import Workspace, WorkspaceLock, is_locked, owner_pid
from befit.catalog.write import WorkspaceEdit

__all__ = [
    "ACCESS_FILE",
    "PERSON",
    "SPOKEN",
    "Activation",
    "ActivationBook",
    "ActivationRule",
    "ActivationStore",
    "AnswerMode",
    "Breadth",
    "Capability",
    "Catalog",
    "CatalogReading",
    "CatalogSource",
    "Check",
    "CheckKind",
    "ClassWord",
    "Document",
    "Duration",
    "Entry",
    "Evaluation",
    "EvaluationStore",
    "Examined",
    "InfrastructureCost",
    "ItemKind",
    "Knowledge",
    "ModelCard",
    "Name",
    "Price",
    "Problem",
    "ReferenceCard",
    "Reload",
    "Requirements",
    "SpecialistRef",
    "Stage",
    "TaskProfile",
    "Via",
    "Workflow",
    "WorkflowVersionStore",
    "Workspace",
    "WorkspaceEdit",
    "WorkspaceLock",
    "card_of",
    "card_version",
    "content_of",
    "duration_s",
    "gated",
    "is_locked",
    "is_loopback",
    "kind_of",
    "load_catalog",
    "owner_pid",
    "problems_as_error",
    "read_catalog",
    "read_document",
    "read_files",
    "read_policy_files",
    "reference_cards",
    "reference_for",
    "release_of",
    "short_digest",
    "stage_fault",
    "stage_in_words",
    "tenants_in_charge",
    "url_fault",
    "validated",
    "write_template",
]
