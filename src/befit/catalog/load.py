"""From the files of a workspace to its catalog, or to every problem that they have.

catalog = load_catalog(workspace)               # raises WorkspaceError
reading = read_catalog(read_files(workspace))   # reading.problems, for `befit check`
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from befit.catalog.card import Capability, ModelCard
from befit.catalog.catalog import Catalog, catalog_version
from befit.catalog.document import Document, read_document
from befit.catalog.entry import name_fault
from befit.catalog.files import ACCESS_FILE, CONFIG, WorkspaceFiles, read_files
from befit.catalog.model_entry import ModelEntry
from befit.catalog.problem import Problem, problems_as_error
from befit.catalog.validation import validated
from befit.catalog.workflow import PERSON, AnswerMode, Workflow
from befit.catalog.workflow_file import WorkflowFile
from befit.catalog.workspace import Workspace
from befit.errors import nearest
from befit.vocabulary import OUT_OF_SCOPE


@dataclass(frozen=True, kw_only=True, slots=True)
class CatalogReading:
    """What came of reading: a catalog where nothing is wrong, else what is.

    Attributes:
        config: `befit.yaml` as read, for the sections of other rooms; None where it
            could not be read.
        workflow_documents: each workflow's file as read, by the workflow's name.
        policy_files: the files under `policies/` as they stand; the room policy reads them.
        access_file: `knowledge/acl.yaml` as it stands, for the room knowledge; None where
            there is none.
    """

    catalog: Catalog | None
    config: Document | None
    workflow_documents: Mapping[str, Document]
    policy_files: Mapping[str, bytes]
    problems: tuple[Problem, ...]
    access_file: bytes | None = None


def load_catalog(workspace: Workspace) -> Catalog:
    """The catalog of a workspace.

    Raises:
        WorkspaceError: naming the first problem and how many more there are.
    """
    reading = read_catalog(read_files(workspace))
    if reading.catalog is None:
        raise problems_as_error(reading.problems)
    return reading.catalog


def read_catalog(files: WorkspaceFiles) -> CatalogReading:
    """Read cards and workflows and collect every problem of them."""
    problems = list(files.problems)
    raw = files.texts.get(CONFIG)
    config = None if raw is None else read_document(raw, file=CONFIG)
    cards = _read_cards(config, problems) if config else {}
    workflows: dict[str, Workflow] = {}
    contents: dict[str, str] = {}
    documents: dict[str, Document] = {}
    policy_files = MappingProxyType(files.policy_files())
    for name, file, text in files.workflow_files():
        document = documents[name] = read_document(text, file=file)
        entry = _read_workflow(name, document, problems)
        if entry is not None:
            workflows[name] = entry.workflow(name)
            contents[name] = entry.content()
            # With a broken befit.yaml every reference would look unknown.
            if config is not None and config.value is not None:
                problems += _reference_problems(workflows[name], _known(config, cards), document)
    if problems:
        return CatalogReading(
            catalog=None,
            config=config,
            workflow_documents=MappingProxyType(documents),
            policy_files=policy_files,
            problems=tuple(problems),
            access_file=files.texts.get(ACCESS_FILE),
        )
    catalog = Catalog(
        cards=MappingProxyType(cards),
        workflows=MappingProxyType(workflows),
        contents=MappingProxyType(contents),
        version=catalog_version(cards, workflows),
    )
    return CatalogReading(
        catalog=catalog,
        config=config,
        workflow_documents=MappingProxyType(documents),
        policy_files=policy_files,
        problems=(),
        access_file=files.texts.get(ACCESS_FILE),
    )


def _read_cards(config: Document, problems: list[Problem]) -> dict[str, ModelCard]:
    problems += config.problems
    models = (config.value or {}).get("models")
    if models is None:
        return {}
    if not isinstance(models, dict):
        step = "it must be a mapping of names to models"
        problems.append(config.problem("a wrong value", ("models",), next_step=step))
        return {}
    cards: dict[str, ModelCard] = {}
    for name, value in cast("dict[str, Any]", models).items():
        fault = name_fault(name)
        if fault:
            problems.append(config.problem("a wrong name", ("models", name), next_step=fault))
        entry, faults = validated(ModelEntry, value, config, at=("models", name))
        problems += faults
        if entry is not None:
            cards[name] = entry.card(name)
    return cards


def _read_workflow(name: str, document: Document, problems: list[Problem]) -> WorkflowFile | None:
    problems += document.problems
    fault = name_fault(name)
    if fault:
        problems.append(document.problem("a wrong file name", next_step=fault))
    if document.value is None:
        return None
    entry, faults = validated(WorkflowFile, document.value, document)
    problems += faults
    return entry


def _known(config: Document, cards: dict[str, ModelCard]) -> dict[str, ModelCard | None]:
    # A card with a problem of its own is known: one mistake makes one problem.
    models = (config.value or {}).get("models")
    names = cast("dict[str, Any]", models) if isinstance(models, dict) else {}
    return {name: cards.get(name) for name in names}


def _reference_problems(
    workflow: Workflow, known: dict[str, ModelCard | None], document: Document
) -> Iterator[Problem]:
    for place, name in enumerate(workflow.models):
        at = ("escalation", "models", place)
        if name == PERSON:
            continue
        if name not in known:
            hint = nearest(name, [*known, PERSON]) or "add it under `models` in befit.yaml"
            yield document.problem(f"unknown model {name!r}", at, next_step=hint)
            continue
        card = known[name]
        fault = _unfit(card, workflow) if card else None
        if fault:
            yield document.problem(f"a wrong model {name!r}", at, next_step=fault)


def _unfit(card: ModelCard, workflow: Workflow) -> str | None:
    """Why a card can never answer for a workflow, or None."""
    knowledge = workflow.knowledge
    if knowledge is not None and _quotes(card):
        return None
    if knowledge is not None and knowledge.mode is AnswerMode.QUOTE:
        return "documents are quoted by an embedder that runs in process, and it is none"
    if not card.capabilities & {Capability.CHAT, Capability.LABELS}:
        return "it neither chats nor labels"
    if card.specialist and workflow.labels:
        strange = set(card.specialist.labels) - {*workflow.labels, OUT_OF_SCOPE}
        if strange:
            return f"it answers with labels the workflow does not have, such as {min(strange)!r}"
    return None


def _quotes(card: ModelCard) -> bool:
    return card.is_in_process and Capability.EMBEDDINGS in card.capabilities
