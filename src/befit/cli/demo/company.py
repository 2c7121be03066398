"""The fictional company's workspace: its cards, workflows and files of cases.

`befit.yaml` and `workflows/` are written the way a user's would be, and the demo then only
asks, trains and evaluates in it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from befit.catalog import (
    PERSON,
    Breadth,
    Capability,
    Check,
    CheckKind,
    InfrastructureCost,
    ModelCard,
    Price,
    Requirements,
    Stage,
    TaskProfile,
    Via,
    Workflow,
    Workspace,
    WorkspaceEdit,
    load_catalog,
    write_template,
)
from befit.cli.demo.material import Material, case_lines
from befit.errors import Conflict, InvalidRequest
from befit.vocabulary import DataClass, SizeClass, Zone

GENERAL = "smollm2-135m"
TICKETS = "tickets"
PLANNING = "planning"
NOTES = "notes"
SPECIALIST = f"{TICKETS}-specialist"
OUTSIDE = "standin-external"
PREFERRED = "standin-onprem-1"
SECOND = "standin-onprem-2"

_INVENTED = "invented for the demo"
_BAR = 0.75
_LEAST_CONFIDENCE = 0.8


def find_large(name: str, folder: Path) -> ModelCard:
    """The card `name` of the user's own workspace, as another workspace can use it.

    Raises:
        WorkspaceError: there is no workspace, or its files are wrong.
        NotFound: it has no such card.
        InvalidRequest: the card is for another kind of work.
    """
    workspace = Workspace.at(folder)
    card = load_catalog(workspace).find_card(name)
    if card.name == GENERAL:
        raise InvalidRequest(
            f"{name} is the demo's general model; --large takes a larger one",
            next_step="add one: befit models add NAME --via ..",
        )
    if Capability.CHAT not in card.capabilities or card.specialist is not None:
        raise InvalidRequest(f"{name} cannot chat, so it cannot be the large model")
    kind, _, path = (card.key_ref or "").partition(":")
    if kind == "file":
        return replace(card, key_ref=f"file:{workspace.root / Path(path).expanduser()}")
    return card


def found_company(folder: Path, material: Material, large: ModelCard | None) -> Workspace:
    """Make a folder the company's workspace.

    Raises:
        Conflict: the folder is not empty.
        WorkspaceError: it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is not an empty folder", next_step="name another with --keep")
    write_template(folder)
    workspace = Workspace.at(folder)
    edit = WorkspaceEdit(workspace)
    if large is not None:
        edit.put_card(large)
    edit.add_workflow(_tickets(material, large))
    edit.add_workflow(_planning())
    edit.commit()
    trained_path(workspace).parent.mkdir()
    trained_path(workspace).write_bytes(case_lines(material.trained + material.trained_outside))
    held_out_path(workspace).write_bytes(case_lines(material.held_out))
    return workspace


def trained_path(workspace: Workspace) -> Path:
    """The cases that the specialist is trained on."""
    return workspace.root / "cases" / "tickets.train.jsonl"


def held_out_path(workspace: Workspace) -> Path:
    """The cases that models are measured on."""
    return workspace.root / "cases" / "tickets.held_out.jsonl"


def engage_stand_ins(workspace: Workspace, urls: dict[str, str]) -> None:
    """Add the cards of the loopback peers and the workflow that prefers the cheapest.

    Args:
        urls: where each of the three listens.
    """
    edit = WorkspaceEdit(workspace)
    for card in _stand_ins(urls):
        edit.put_card(card)
    edit.add_workflow(_notes())
    edit.commit()


def retire_stand_ins(workspace: Workspace) -> None:
    """See that nobody calls a peer that has gone: another program may get its port."""
    cards = load_catalog(workspace).cards
    edit = WorkspaceEdit(workspace)
    for name in (OUTSIDE, PREFERRED, SECOND):
        if name in cards:
            edit.put_card(replace(cards[name], stage=Stage.RETIRED))
    edit.commit()


def _tickets(material: Material, large: ModelCard | None) -> Workflow:
    """Its bar lies below the lower end of the specialist's cross-validation (data/README)."""
    order = (GENERAL, large.name, PERSON) if large else (GENERAL, PERSON)
    return Workflow(
        name=TICKETS,
        version="",
        description="Sorts mail to the support desk by what its writer wants done.",
        instructions="Name the kind of this support ticket.",
        labels=tuple(material.labels),
        label_descriptions=material.labels,
        requirements=Requirements(quality_bar=_BAR),
        profile=TaskProfile(breadth=Breadth.NARROW, frequent=True),
        models=order,
        check=Check(kind=CheckKind.CONFIDENCE, min_confidence=_LEAST_CONFIDENCE),
    )


def _planning() -> Workflow:
    return Workflow(
        name=PLANNING,
        version="",
        description="Broad questions: plans, trade-offs, what to find out first.",
        instructions="Answer with a plan: steps, owners, risks, and what is not known.",
        requirements=Requirements(able=frozenset({"plan"})),
        profile=TaskProfile(breadth=Breadth.BROAD),
        models=(PERSON,),  # no order of models: routing chooses among all
    )


def _notes() -> Workflow:
    return Workflow(
        name=NOTES,
        version="",
        description="Short work on notes and incident reports.",
        instructions="Do what the first line asks, with the text below it.",
        profile=TaskProfile(breadth=Breadth.NARROW, cost_sensitive=True),
        models=(OUTSIDE, PREFERRED, SECOND, PERSON),
    )


def _stand_ins(urls: dict[str, str]) -> tuple[ModelCard, ...]:
    today = datetime.now(UTC).date()
    price = Price(
        input_usd_per_million=Decimal("0.02"),
        output_usd_per_million=Decimal("0.05"),
        source=_INVENTED,
        as_of=today,
    )
    machine = InfrastructureCost(
        machine_usd_per_hour=Decimal("0.90"),
        output_tokens_per_s=Decimal(40),
        source=_INVENTED,
        as_of=today,
    )
    outside = _stand_in(OUTSIDE, urls[OUTSIDE], Zone.EXTERNAL, price)
    inside = (_stand_in(name, urls[name], Zone.ONPREM, machine) for name in (PREFERRED, SECOND))
    return (outside, *inside)


def _stand_in(name: str, url: str, zone: Zone, cost: Price | InfrastructureCost) -> ModelCard:
    return ModelCard(
        name=name,
        family="stand-in",
        size=SizeClass.LARGE,
        via=Via.OPENAI,
        zone=zone,
        url=url,
        upstream_model=name,
        context_window=8192,
        cost=cost,
    )


def declared_for_measuring(large: ModelCard | None) -> DataClass | None:
    """The class the tickets are measured under.

    They are invented, so the demo may declare them public where the user named an external
    model to be measured on them. The company itself declares nothing.
    """
    is_outside = large is not None and large.zone is Zone.EXTERNAL
    return DataClass.PUBLIC if is_outside else None
