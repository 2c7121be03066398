"""What can be used: model cards, prices, lifecycle stages and workflow definitions."""

from befit.catalog.address import is_loopback
from befit.catalog.card import (
    SPOKEN,
    Capability,
    InfrastructureCost,
    ModelCard,
    Price,
    SpecialistRef,
    Stage,
    Via,
)
from befit.catalog.catalog import Catalog, card_version
from befit.catalog.document import Document
from befit.catalog.entry import ClassWord, Duration, Entry, Name, duration_s
from befit.catalog.files import read_files
from befit.catalog.load import CatalogReading, load_catalog, read_catalog
from befit.catalog.problem import Problem, problems_as_error
from befit.catalog.reference import ReferenceCard, reference_cards, reference_for
from befit.catalog.source import CatalogSource, Reload
from befit.catalog.stores import Evaluation, EvaluationStore, WorkflowVersionStore
from befit.catalog.template import write_template
from befit.catalog.validation import validated
from befit.catalog.workflow import (
    PERSON,
    Breadth,
    Check,
    CheckKind,
    Requirements,
    TaskProfile,
    Workflow,
)
from befit.catalog.workspace import Workspace, WorkspaceLock, is_locked, owner_pid
from befit.catalog.write import WorkspaceEdit

__all__ = [
    "PERSON",
    "SPOKEN",
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
    "InfrastructureCost",
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
    "card_version",
    "duration_s",
    "is_locked",
    "is_loopback",
    "load_catalog",
    "owner_pid",
    "problems_as_error",
    "read_catalog",
    "read_files",
    "reference_cards",
    "reference_for",
    "validated",
    "write_template",
]
